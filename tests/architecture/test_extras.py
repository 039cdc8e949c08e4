"""Each service can be installed with its own extra alone."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest

OWN = "orc-nats-ator"
SERVICES = ["gateway", "auth", "scheduler", "executor"]

BLOCKING = """
import sys
from importlib.abc import MetaPathFinder

blocked = set(sys.argv[1].split(","))

class Blocking(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)

sys.meta_path.insert(0, Blocking())
for module in sys.argv[2:]:
    __import__(module)
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(requirement: str, seen: set[str]) -> set[str]:
    """Return the names of all distributions that installing a requirement brings."""
    match = re.match(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?", requirement)
    assert match
    name, extras = normal(match[1]), {extra.strip() for extra in (match[2] or "").split(",")}
    key = f"{name}[{','.join(sorted(extras))}]"
    if key in seen:
        return set()
    seen.add(key)
    try:
        wanted = requires(name) or []
    except PackageNotFoundError:
        return set()
    found = {name}
    for line in wanted:
        asked = re.search(r"extra == ['\"]([^'\"]+)['\"]", line)
        if asked is None or asked[1] in extras:
            found |= needed(line, seen)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_service_runs_with_its_own_extra_alone(service):
    """A service's modules are imported where only what its extra brings can be found."""
    installed = needed(f"{OWN}[{service}]", set())
    blocked = {
        module
        for module, distributions in packages_distributions().items()
        if not any(normal(distribution) in installed for distribution in distributions)
    } - {"pip", "setuptools", "pkg_resources", "_distutils_hack"}
    assert "pytest" in blocked
    modules = [f"orc_{service}.app", f"orc_{service}.settings", "orc_runtime.migrate", "orc.__main__"]
    if service == "executor":
        modules += [
            "orc_executor.worker",
            "orc_executor.loaders.duckdb.file",
            "orc_executor.extractors.api.source",
        ]
    result = subprocess.run(
        [sys.executable, "-c", BLOCKING, ",".join(sorted(blocked)), *modules],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
