"""docs/configuration.md says exactly what the services read."""

import inspect
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import pytest

from orc_executor.worker_settings import WorkerSettings
from orc_runtime.settings import Described, ServiceSettings, describe

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


class AnyService(ServiceSettings, frozen=True, kw_only=True):
    SERVICE: ClassVar[str] = "<service>"


def settings_of(service: str) -> type[ServiceSettings]:
    module = import_module(f"orc_{service}.settings")
    [found] = [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, ServiceSettings) and getattr(cls, "SERVICE", None) == service
    ]
    return found


def table(rows: Iterable[Described]) -> str:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for row in rows:
        variables = ", else ".join(f"`{variable}`" for variable in row.variables)
        default = row.default if row.default in {"", "required"} else f"`{row.default}`"
        lines.append(f"| {variables} | {default} | {row.meaning} |")
    return "\n".join(lines) + "\n"


def test_what_all_read():
    """The page has the settings common to all services."""
    assert table(describe(AnyService)) in PAGE.read_text()


@pytest.mark.parametrize("service", ["auth", "executor", "gateway", "scheduler"])
def test_what_one_reads(service):
    """The page has each service's own settings, all of them, with their defaults and meanings."""
    own = describe(settings_of(service))[len(describe(AnyService)) :]

    assert f"## {service}\n\n{table(own)}" in PAGE.read_text()


def test_what_workers_read():
    """The page has the settings of the executor's worker processes."""
    assert f"### Its workers\n\n{table(describe(WorkerSettings))}" in PAGE.read_text()


@pytest.mark.parametrize("service", ["auth", "executor", "gateway", "scheduler"])
def test_every_setting_says_what_it_means(service):
    """No setting is without a meaning."""
    assert [row.variables for row in describe(settings_of(service)) if not row.meaning] == []
