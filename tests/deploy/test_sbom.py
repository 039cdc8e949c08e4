"""The bill of materials says exactly what is installed in an environment."""

import json
import os
import subprocess
import sys
import sysconfig
from datetime import UTC, datetime
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

import pytest
from architecture.test_extras import needed
from jsonschema import Draft7Validator

from release.lock import LOCK, normal
from release.sbom import NotLocked, bill

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """Make an environment with what the scheduler's extra brings and nothing else, without an index."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in needed("orc-nats-ator[scheduler]", set()):
        tops = {Path(file).parts[0] for file in distribution(name).files or ()}
        for top in tops - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(SITE / top)
    return folder


def written(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [environment / "bin" / "python", "-m", "release.sbom", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.defpath, "SOURCE_DATE_EPOCH": "1700000000"},
    )  # fmt: skip


def test_bill_lists_exactly_what_is_installed(environment):
    """Names and versions are those of the environment's own records, each with the hashes of the lock."""
    document = json.loads(written(environment).stdout)
    (site,) = environment.glob("lib/python*/site-packages")
    records = [path.name.removesuffix(".dist-info").rpartition("-") for path in site.glob("*.dist-info")]
    installed = {(normal(name), version) for name, _, version in records}
    own = document["metadata"]["component"]
    listed = {(each["name"], each["version"]) for each in [own, *document["components"]]}
    assert listed == installed
    assert len(listed) > 20
    text = LOCK.read_text()
    for component in document["components"]:
        entry = text.split(f"{component['name']}=={component['version']}")[1].split("==")[0]
        hashes = {each["hashes"][0]["content"] for each in component["externalReferences"]}
        assert hashes, component["name"]
        assert all(f"--hash=sha256:{each}" in entry for each in hashes)
        assert len(hashes) == entry.count("--hash=")


def test_another_tool_lists_the_same(environment):
    """What CycloneDX's own generator finds in the environment is what we list."""
    theirs = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", str(environment / "bin" / "python")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ours = json.loads(written(environment).stdout)
    found = {(normal(each["name"]), each["version"]) for each in json.loads(theirs.stdout)["components"]}
    own = ours["metadata"]["component"]
    assert {(each["name"], each["version"]) for each in [own, *ours["components"]]} == found


def test_bill_is_valid_cyclonedx(environment):
    """The document passes the published schema of its version."""
    schema = json.loads(files("cyclonedx.schema._res").joinpath("bom-1.6.SNAPSHOT.schema.json").read_text())
    # References to the two companion schemas (SPDX ids, signatures) are not followed.
    for name in ("spdx", "jsf"):
        text = json.dumps(schema)
        schema = json.loads(text.replace(f'{{"$ref": "{name}', f'{{"$comment": "{name}'))
    document = json.loads(written(environment).stdout)
    assert [error.message for error in Draft7Validator(schema).iter_errors(document)] == []
    del document["components"][0]["name"]
    assert list(Draft7Validator(schema).iter_errors(document)) != []


def test_the_same_environment_has_the_same_bill(environment):
    """Written twice, it is the same bytes."""
    assert written(environment).stdout == written(environment).stdout


def test_what_the_lock_does_not_name_is_refused(environment, tmp_path):
    """An environment with something that was never looked at gets no bill, but its name."""
    lock = tmp_path / "requirements.lock"
    lines = LOCK.read_text().replace("uvloop==", "uvloop-of-another-name==")
    lock.write_text(lines)
    result = written(environment, "--lock", str(lock))
    assert result.returncode == 1
    assert result.stderr.startswith("installed, but not in requirements.lock: uvloop ")
    assert result.stdout == ""


def test_another_version_than_the_locks_is_a_stranger():
    """A name alone is not enough."""
    with pytest.raises(NotLocked, match="httpx"):
        bill([distribution("httpx")], [], datetime.now(UTC))
