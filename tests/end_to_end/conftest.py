"""Every test here works on the whole stack, started once as `orc up` starts it."""

from pathlib import Path
from typing import Any

import pytest
from support.rest import Rest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def rest(stack: Any) -> Rest:
    return Rest(stack.url)


@pytest.fixture
def data(stack: Any) -> Path:
    return Path(stack.home) / "data"
