"""Distributions that are found without being installed: a folder with their metadata on the path."""

from contextlib import contextmanager
from importlib import invalidate_caches
from pathlib import Path

from orc_domain.plugins import installed

EXAMPLES = Path(__file__).parents[2] / "examples" / "plugins"
MODULES = Path(__file__).parent / "plugin_modules"
MANY_WAYS = {"orc.extractors": {"ways": "many_ways:Ways"}, "orc.loaders": {"basket": "many_ways:Basket"}}
RSS = {"orc.extractors": {"rss": "orc_rss:Rss"}}
SQLITE = {"orc.loaders": {"sqlite": "orc_sqlite:Sqlite"}}


def announce(folder, points, name="demo"):
    """Write the metadata of a distribution with these entry points; the folder belongs on the path."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = [
        f"[{group}]\n" + "".join(f"{point} = {place}\n" for point, place in named.items())
        for group, named in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))


@contextmanager
def on_path(monkeypatch, *folders):
    """Have the plugins of these folders known in this process, and in those it starts."""
    for folder in folders:
        monkeypatch.syspath_prepend(str(folder))
    invalidate_caches()
    installed.cache_clear()
    try:
        yield
    finally:
        monkeypatch.undo()
        invalidate_caches()
        installed.cache_clear()
