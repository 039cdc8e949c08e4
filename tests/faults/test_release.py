"""A release is installed from checked wheels alone, offline, and says what is in it; needs the package index once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release.lock import LOCK, normal, read

ROOT = Path(__file__).parents[2]
SERVICES = ("gateway", "auth", "scheduler", "executor")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
ENVIRONMENT = {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "SOURCE_DATE_EPOCH": "1700000000",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """Fetch what the lock names, as the image's first step does."""
    folder = tmp_path_factory.mktemp("wheels")
    checked = ("--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK))
    subprocess.run([*PIP, "download", *checked, "--dest", str(folder)], check=True)
    return folder


def offline(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where there is no network at all."""
    return subprocess.run(
        ["unshare", "--net", *command],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module", params=SERVICES)
def made(request, wheels, tmp_path_factory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(request.param) / "env"
    done = offline("release/environment.sh", request.param, str(wheels), str(folder))
    assert done.returncode == 0, done.stderr
    return request.param, folder


def test_each_service_is_installed_offline_and_starts(made):
    """Its own extra is all it needs: the program asks for its settings, and for nothing that is not there."""
    service, folder = made
    done = subprocess.run(
        [folder / "bin" / "python", "-m", f"orc_{service}"],
        cwd="/", env={"PATH": os.defpath}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "ORC_NATS_URL" in done.stderr + done.stdout
    assert "ModuleNotFoundError" not in done.stderr
    check = subprocess.run(
        [*PIP, "--python", str(folder / "bin" / "python"), "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout


def test_image_says_what_is_in_it_and_holds_no_installer(made):
    """sbom.json names exactly the distributions of the environment; pip and setuptools are not among them."""
    _, folder = made
    bill = json.loads((folder / "sbom.json").read_text())
    listed = {
        (each["name"], each["version"]) for each in [bill["metadata"]["component"], *bill["components"]]
    }
    (site,) = folder.glob("lib/python*/site-packages")
    records = [path.name.removesuffix(".dist-info").rpartition("-") for path in site.glob("*.dist-info")]
    assert listed == {(normal(name), version) for name, _, version in records}
    assert {"pip", "setuptools"}.isdisjoint(name for name, _ in listed)
    assert not list((folder / "bin").glob("pip*"))


def test_environment_is_the_same_made_again(wheels, tmp_path):
    """The same wheels and sources give the same files, compiled ones included."""
    folder = tmp_path / "env"
    contents = []
    for _ in range(2):
        shutil.rmtree(folder, ignore_errors=True)
        assert offline("release/environment.sh", "scheduler", str(wheels), str(folder)).returncode == 0
        contents.append(
            {
                path.relative_to(folder): path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file() and not path.is_symlink()
            }
        )
    changed = {
        str(path)
        for path in contents[0].keys() | contents[1].keys()
        if contents[0].get(path) != contents[1].get(path)
    }
    assert changed == set()


def test_a_wheel_that_was_changed_is_refused(wheels, tmp_path):
    """One flipped byte in one file, and nothing is installed."""
    (wheel,) = wheels.glob("msgspec-*.whl")
    (entry,) = (each for each in read(LOCK.read_text()) if each.name == "msgspec")
    lock = tmp_path / "one.lock"
    lock.write_text(
        f"msgspec=={entry.version} {' '.join(f'--hash={each}' for each in sorted(entry.hashes))}\n"
    )
    asked = ("--no-index", "--require-hashes", "--requirement", str(lock), "--find-links", str(tmp_path))
    shutil.copy(wheel, tmp_path)
    assert offline(*PIP, "download", *asked, "--dest", str(tmp_path / "one")).returncode == 0
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / wheel.name).write_bytes(content)
    refused = offline(*PIP, "download", *asked, "--dest", str(tmp_path / "two"))
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
