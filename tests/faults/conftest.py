"""The fault suite takes minutes and kills things: it is collected only when asked for (ORC_FAULTS=1, `make faults`)."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.client import Client
from faults.machine import Machine, machine_running
from faults.verdict import OUTPUT, keep

HERE = Path(__file__).parent
collect_ignore_glob = [] if os.environ.get("ORC_FAULTS") else ["test_*.py"]
if not os.environ.get("ORC_SOAK_MINUTES"):
    collect_ignore_glob.append("test_soak.py")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "faults: breaks a real stack on purpose; run by make faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was done and how long it took to get over it."""
    for path in sorted(OUTPUT.glob("*.json")):
        terminalreporter.write_line(f"{path.stem}: {path.read_text()}")


@pytest.fixture(scope="session")
def seed() -> int:
    """Give the seed of this run; ORC_FAULTS_SEED repeats an earlier one."""
    return int(os.environ.get("ORC_FAULTS_SEED") or secrets.randbits(32))


@pytest.fixture(scope="module")
def machine(
    tmp_path_factory: pytest.TempPathFactory, seed: int, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    """Run a whole stack for the tests of one file, and keep its history and figures."""
    with machine_running(tmp_path_factory.mktemp("machine"), seed=seed) as running:
        yield running
        keep(running, Path(request.path).stem.removeprefix("test_"))


@pytest.fixture
def client(machine: Machine) -> Client:
    machine.history.begin_test()
    return Client(machine)


@pytest.fixture(scope="module")
def csv(machine: Machine) -> str:
    """Write a CSV whose load takes long enough to be hit."""
    rows = "".join(f"{n},row {n}\n" for n in range(20_000))
    (machine.data / "rows.csv").write_text(f"id,text\n{rows}")
    return "rows.csv"
