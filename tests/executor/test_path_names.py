"""Hostile paths of sources and targets, by the paths' code alone and with the kernel's help: nothing outside is touched."""

import os
import shutil
from uuid import uuid4

import pytest
from support.canaries import Outside
from support.worker_process import DISCARD, INLINE, worker_process

from orc_executor.frames import Failed

LONG = "x" * 4096
DEEP = "d/" * 2048 + "x.csv"
PATHS = [
    "../outside/x.csv", "in/../../outside/x.csv", "{outside}/x.csv", "link.csv", "linked/x.csv", "hard.csv",
    "/proc/self/environ", "/proc/self/fd/0", "/dev/zero", "/dev/stdin", "/etc/passwd", "fifo", "in", "x.csv/", "x.csv/../../outside/x.csv",
    "a\0b", "s3://bucket/key", "gopher://outside/x", "file:///etc/passwd", "~/x.csv", LONG, DEEP, "linked/*", "../outside/*",
    "/dev/*", "**/../../outside/*.csv", ".", "..", "/", "", " ", "\n", "x.csv\n", "\\\\outside\\x.csv", "-", "link.csv*",
]  # fmt: skip
TARGETS = [
    "../outside/out.duckdb", "{outside}/out.duckdb", "{outside}/new.duckdb", "link.duckdb", "linked/out.duckdb",
    "linked/new.duckdb", "hard.duckdb", "/proc/self/mem", "/dev/zero", "/dev/shm/x.duckdb", "fifo", "in", "a\0b",
    "s3://bucket/key.duckdb", LONG, "/", "..", ".", "", "x.duckdb.orc-lock", "dangling.duckdb", "in/../../outside/new.duckdb",
]  # fmt: skip


@pytest.fixture(params=["off", "auto"])
def scene(request, tmp_path):
    data, outside = tmp_path / "data", Outside(tmp_path / "outside")
    (data / "in").mkdir(parents=True)
    (data / "x.csv").write_text("a\n1\n")
    (data / "link.csv").symlink_to(outside.folder / "x.csv")
    (data / "linked").symlink_to(outside.folder)
    (data / "link.duckdb").symlink_to(outside.folder / "out.duckdb")
    (data / "dangling.duckdb").symlink_to(outside.folder / "new.duckdb")
    os.mkfifo(data / "fifo")
    for name, at in (("x.csv", "hard.csv"), ("out.duckdb", "hard.duckdb")):
        # Of a copy: a file with two names is refused wherever it is.
        shutil.copy(outside.folder / name, outside.folder / at)
        os.link(outside.folder / at, data / at)
    outside.watch()
    with worker_process(data, ORC_WORKER_SANDBOX=request.param) as worker:
        yield worker, outside


def kinds_of(worker, orders):
    """Perform orders of which none may load, and return the kinds of their failures."""
    found = {}
    for path, extractor, loader in orders:
        answer = worker.perform(extractor, loader, run_id=uuid4())
        assert isinstance(answer, Failed), (path, answer)
        assert "666" not in answer.message
        found[path] = answer.kind
    return found


def test_no_source_is_read_from_outside(scene):
    """Whatever the path says, it is refused or not there; of a folder that a pattern leads to no more than the names are looked at."""
    worker, outside = scene
    paths = [path.format(outside=outside.folder) for path in PATHS]
    found = kinds_of(worker, [(path, {"type": "csv", "path": path}, DISCARD) for path in paths])
    assert set(found.values()) <= {
        "path_refused",
        "source_missing",
        "source_malformed",
        "internal",
        "address_refused",
    }
    assert (outside.opened_files(), outside.changed()) == ([], False)


def test_no_target_is_made_or_changed_outside(scene):
    """A target is under the data folder, or there is none."""
    worker, outside = scene
    paths = [path.format(outside=outside.folder) for path in TARGETS]
    loaders = [(path, {"type": "duckdb", "db_path": path, "table_name": "t"}) for path in paths]
    found = kinds_of(worker, [(path, INLINE, loader) for path, loader in loaders])
    assert set(found.values()) <= {"path_refused", "target_unusable", "internal"}
    loaders = [
        (path, {"type": "parquet", "path": path})
        for path in ("linked", "linked/lake", "../outside", "link.csv", "fifo")
    ]
    kinds_of(worker, [(path, INLINE, loader) for path, loader in loaders])
    assert (outside.touched(), outside.changed()) == ([], False)


def test_links_within_the_folders_are_as_good_as_what_they_lead_to(scene):
    """A link to a file or folder that may be read is followed, by sources and targets."""
    worker, _ = scene
    (worker.data_dir / "in/y.csv").write_text("a\n1\n2\n")
    (worker.data_dir / "near.csv").symlink_to(worker.data_dir / "in/y.csv")
    (worker.data_dir / "near").symlink_to("in")
    assert worker.load({"type": "csv", "path": "near.csv"}, DISCARD) == 2
    assert (
        worker.load(
            {"type": "csv", "path": "near/y.csv"},
            {"type": "duckdb", "db_path": "near/out.duckdb", "table_name": "t"},
        )
        == 2
    )
    assert (worker.data_dir / "in/out.duckdb").is_file()
    assert worker.load(INLINE, {"type": "parquet", "path": "near/lake"}) == 2
