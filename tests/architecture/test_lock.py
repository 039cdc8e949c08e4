"""What is installed is what requirements.lock names, by hash, and nothing is installed past it."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from release.lock import LOCK, Locked, NotHashed, NotPinned, normal, read

ROOT = Path(__file__).parents[2]
OWN = "orc-nats-ator"
HASH = "--hash=sha256:" + "a" * 64
INSTALLS = re.compile(
    r"pip3?(?:\"|')? .*\b(?:install|download|wheel)\b|uv pip install|\b(?:apt-get|apk|npm|cargo|go|gem) (?:install|add)"
    r"|curl |wget |uvx |pipx "
)
CHECKED = ("--require-hashes", "--no-index", "--no-deps --no-build-isolation")
"""Of an installing line: hashes are asked for, or nothing can come from outside."""


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def direct() -> list[Requirement]:
    """Everything that pyproject.toml asks for: to run, for each extra, and to build."""
    asked = project()
    extras = asked["project"]["optional-dependencies"].values()
    lines = [*asked["project"]["dependencies"], *(line for extra in extras for line in extra)]
    found = [Requirement(line) for line in [*lines, *asked["build-system"]["requires"]]]
    return [requirement for requirement in found if normal(requirement.name) != OWN]


def fits(requirement: Requirement, entries: list[Locked]) -> bool:
    return any(
        entry.name == normal(requirement.name) and requirement.specifier.contains(entry.version)
        for entry in entries
    )


def missing(requirements: list[Requirement], entries: list[Locked]) -> list[str]:
    return sorted({str(requirement) for requirement in requirements if not fits(requirement, entries)})


def test_every_line_of_the_lock_has_hashes():
    """Every entry is one exact version with sha256 hashes; there is no other kind of line."""
    entries = read(LOCK.read_text())
    assert len(entries) > 100
    assert all(entry.hashes for entry in entries)


def test_lock_covers_all_that_the_project_asks_for():
    """A dependency that was added or raised in pyproject.toml is in the lock, at a version that fits."""
    absent = missing(direct(), read(LOCK.read_text()))
    assert absent == [], f"pyproject.toml and requirements.lock differ: run `make lock`; not locked: {absent}"


def test_lock_covers_what_the_dependencies_need():
    """Whatever an installed package of the lock needs here is in the lock as well, at a version that fits."""
    entries = read(LOCK.read_text())
    extras = {normal(each.name): each.extras for each in direct()}
    needed = []
    for entry in entries:
        try:
            lines = requires(entry.name) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, lines):
            asked = [{"extra": extra} for extra in ("", *extras.get(entry.name, ()))]
            if requirement.marker is None or any(map(requirement.marker.evaluate, asked)):
                needed.append(requirement)
    assert len(needed) > 50
    assert missing(needed, entries) == [], "requirements.lock is not closed: run `make lock`"


def test_drift_is_noticed():
    """A dependency that the lock does not have, or has at another version, is named."""
    entries = [Locked("httpx", "0.28.1", None, frozenset({HASH}))]
    asked = [Requirement("httpx>=0.28,<0.29"), Requirement("httpx>=0.29"), Requirement("new-thing")]
    assert missing(asked, entries) == ["httpx>=0.29", "new-thing"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("httpx==0.28.1\n", NotHashed),
        ("httpx==0.28.1 --hash=md5:" + "a" * 32, NotHashed),
        (f"httpx==0.28.1 \\\n    {HASH} \\\n    --hash=sha256:abc\n", NotHashed),
        (f"httpx>=0.28 {HASH}\n", NotPinned),
        (f"httpx @ https://example.org/httpx.whl {HASH}\n", NotPinned),
        ("--index-url https://example.org/simple\n", NotPinned),
        ("-e .\n", NotPinned),
    ],
)
def test_lock_with_anything_else_is_refused(text, error):
    """A range, a URL, an option, a missing or a weak hash is refused with the number of its line."""
    with pytest.raises(error, match="line 3"):
        read(f"# a comment\nattrs==1 {HASH}\n{text}")


def commands(path: Path) -> list[str]:
    return re.sub(r"\\\n\s*", "", path.read_text()).splitlines()


def test_nothing_is_installed_past_the_lock():
    """Every command that installs, in the Makefile, the images and CI, asks for hashes or reaches no index."""
    files = [ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / "deploy" / "Dockerfile"]
    files += sorted((ROOT / "release").glob("*.sh"))
    found = [
        (path.name, part.strip())
        for path in files
        for line in commands(path)
        if not line.lstrip().startswith("#")
        for part in re.split(r"&&|;", line)
        if INSTALLS.search(part)
    ]
    assert len(found) >= 7
    assert [each for each in found if not any(word in each[1] for word in CHECKED)] == []


@pytest.mark.parametrize(
    "line",
    [
        "$(BIN)/pip install ruff",
        "uv pip install -r requirements.lock",
        "RUN apt-get install curl",
        "$pip install x",
    ],
)
def test_an_unchecked_install_would_be_seen(line):
    """The check above knows an install when it sees one."""
    assert INSTALLS.search(line)
    assert not any(word in line for word in CHECKED)
