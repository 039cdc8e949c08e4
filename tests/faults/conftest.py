"""The fault suite takes minutes and kills things: it is collected only when asked for (ORC_FAULTS=1, `make faults`)."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
collect_ignore_glob = [] if os.environ.get("ORC_FAULTS") else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
