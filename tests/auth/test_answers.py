"""Whatever goes wrong behind a question, there is an answer in time, and it tells nothing it should not."""

import asyncio

import asyncpg
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from orc_auth import answers as answers_module
from orc_auth.answers import Question, answers
from orc_events.errors import LogUnavailable
from orc_runtime.auth_messages.sessions import LOG_IN, LogIn
from orc_runtime.auth_messages.trust import TRUST, Trust
from orc_runtime.auth_messages.wire import Refused, decode


def failing(error: Exception | None, registry: CollectorRegistry | None = None):
    """Answer with a login that fails, or without an error that never ends."""

    async def log_in(_wish):
        if error is None:
            await asyncio.Event().wait()
        raise error

    return answers({LOG_IN: Question(LogIn, log_in)}, registry or CollectorRegistry())[LOG_IN]


LOGIN = (
    b'{"request_id":"00000000-0000-4000-8000-000000000001","username":"u","password":"hush","address":"::1"}'
)
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

    assert decode(await failing(error, registry)(LOGIN), Refused) == UNAVAILABLE
    labels = {"subject": LOG_IN, "kind": "unavailable"}
    assert registry.get_sample_value("orc_auth_answers_total", labels) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"username":"u"}',
        LOGIN.replace(b'"u"', b"1"),
        LOGIN.replace(b'"u"', b'"u","more":"hush"'),
        LOGIN.replace(b'"hush"', b"1"),
    ],
)
async def test_malformed(data):
    """Nonsense is refused, and what it held is not repeated."""
    answer = decode(await failing(None)(data), Refused)

    assert (answer.kind, answer.code, "hush" in answer.detail) == ("invalid", "malformed", False)


async def test_keys_as_a_standard_set():
    """What verifiers are told has the form of a JWK Set."""

    async def trust(_wish):
        return Trust(keys=(), ended=())

    data = await answers({TRUST: Question(None, trust)}, CollectorRegistry())[TRUST](b"")

    assert msgspec.json.decode(data)["keys"] == []
