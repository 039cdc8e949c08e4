"""Whatever goes wrong behind a question, there is an answer in time, and it tells nothing it should not."""

import asyncio

import asyncpg
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from orc_auth import answers as answers_module
from orc_auth.answers import answers
from orc_events.errors import LogUnavailable
from orc_runtime.auth_messages import JWKS, LOG_IN, Keys, Refused, decode


class Raising:
    """Accounts that fail."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def log_in(self, _wish):
        if self._error is None:
            await asyncio.Event().wait()
        raise self._error


async def no_keys() -> Keys:
    return Keys(keys=())


LOGIN = b'{"username":"u","password":"hush"}'
UNAVAILABLE = Refused(
    kind="unavailable", code="unavailable", detail="accounts cannot be reached at the moment"
)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("postgresql://u:hush@h/d"),
        asyncpg.PostgresError("internal detail"),
        asyncpg.InterfaceError("pool is closing"),
        TimeoutError(),
        LogUnavailable("lost"),
        None,
    ],
    ids=repr,
)
async def test_unavailable(error, monkeypatch):
    """A database that is away, broken or silent is one answer, without its own words."""
    monkeypatch.setattr(answers_module, "ANSWER_SECONDS_MAX", 0.01)
    registry = CollectorRegistry()
    table = answers(Raising(error), no_keys, registry)

    assert decode(await table[LOG_IN](LOGIN), Refused) == UNAVAILABLE
    labels = {"subject": LOG_IN, "kind": "unavailable"}
    assert registry.get_sample_value("orc_auth_answers_total", labels) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"username":"u"}',
        b'{"username":1,"password":"hush"}',
        b'{"username":"u","password":1}',
    ],
)
async def test_malformed(data):
    """Nonsense is refused, and what it held is not repeated."""
    answer = decode(await answers(Raising(None), no_keys, CollectorRegistry())[LOG_IN](data), Refused)

    assert (answer.kind, answer.code, "hush" in answer.detail) == ("invalid", "malformed", False)


async def test_keys_as_a_standard_set():
    """The answer's keys are a JWK Set's."""
    data = await answers(Raising(None), no_keys, CollectorRegistry())[JWKS](b"")

    assert msgspec.json.decode(data) == {"type": "keys", "keys": []}
