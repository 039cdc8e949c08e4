"""What is released is built from its sources and nothing else."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(folder: Path, *, mask: int, now: float) -> dict[str, str]:
    """Copy what is tracked, as another person would have it, build without an index, and hash what came out."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    old = os.umask(mask)
    try:
        for name in filter(None, tracked.stdout.split("\0")):
            if (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target)
                os.utime(target, (now, now))
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build"],
            cwd=folder, check=True, capture_output=True,
            env={"PATH": os.defpath, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": str(mask)},
        )  # fmt: skip
    finally:
        os.umask(old)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "dist").iterdir()}


def test_two_builds_of_the_same_sources_are_the_same_bytes(tmp_path):
    """Wheel and source archive do not depend on the folder, the hour, the mask or the order of files."""
    first = build(tmp_path / "one", mask=0o022, now=1_000_000_000)
    second = build(tmp_path / "another" / "place", mask=0o077, now=1_600_000_000)
    assert {Path(name).suffix for name in first} == {".whl", ".gz"}
    assert second == first


def test_the_wheel_holds_packages_and_nothing_else(tmp_path):
    """No test, no manifest, no example and no settings of a machine is in the wheel."""
    build(tmp_path, mask=0o022, now=1_000_000_000)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {
        path.parent.name
        for path in [*ROOT.glob("libs/*/*/__init__.py"), *ROOT.glob("services/*/*/__init__.py")]
    }
    assert {top for top in tops if not top.endswith(".dist-info")} == packages | {"orc"}
