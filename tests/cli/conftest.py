"""The command as a person calls it, against a gateway that answers what the test says."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Struct
from support.scripted import Scripted, scripted_gateway

from orc import __main__ as command


class Called(Struct):
    """What a call of the command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def gateway() -> Iterator[Scripted]:
    with scripted_gateway() as script:
        yield script


@pytest.fixture
def orc(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any, gateway: Scripted
) -> Callable[..., Called]:
    """Call `orc` with arguments; it finds the scripted gateway and a home without a stack."""
    monkeypatch.setenv("ORC_URL", gateway.url)
    monkeypatch.setenv("ORC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("ORC_TOKEN", raising=False)

    def call(*arguments: str) -> Called:
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        captured = capsys.readouterr()
        return Called(ended.value.code, captured.out, captured.err)

    return call
