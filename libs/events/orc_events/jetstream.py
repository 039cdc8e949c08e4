"""JetStream's API: JSON requests on `$JS.API.<call>`, of which a handful are needed."""

from base64 import b64decode
from typing import Any, Protocol

import msgspec

from orc_events.errors import BusUnavailable

API_TIMEOUT_SECONDS = 2.0

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
MESSAGE_NOT_FOUND = 10037
WRONG_LAST_SEQUENCE = 10071


class JetStreamRefused(BusUnavailable):
    """JetStream answered with an error: the request had no effect."""

    def __init__(self, what: str, err_code: int, description: str) -> None:
        super().__init__(f"{what}: {description} ({err_code})")
        self.err_code, self.description = err_code, description


class Requester(Protocol):
    """What can send a request and wait for its reply."""

    async def request(self, subject: str, data: bytes, *, timeout_seconds: float) -> bytes:
        """Raise BusUnavailable when there is no reply in time."""


class _Fault(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = ""


class _Reply(msgspec.Struct, frozen=True):
    error: _Fault | None = None


_reply = msgspec.json.Decoder(_Reply)


def check(what: str, reply: bytes) -> None:
    """Raise JetStreamRefused when the reply (of a publish or an API call) holds an error."""
    if b'"error"' in reply and (error := _reply.decode(reply).error) is not None:
        raise JetStreamRefused(what, error.err_code, error.description)


async def call(bus: Requester, name: str, body: object = None) -> dict[str, Any]:
    """Ask `$JS.API.<name>` and return the answer; raises JetStreamRefused or BusUnavailable."""
    data = b"" if body is None else msgspec.json.encode(body)
    reply = await bus.request(f"$JS.API.{name}", data, timeout_seconds=API_TIMEOUT_SECONDS)
    check(name, reply)
    answer: dict[str, Any] = msgspec.json.decode(reply)
    return answer


async def last_sequence(bus: Requester, stream: str) -> int:
    """Return the sequence of a stream's last message, 0 for one that never had any."""
    answer = await call(bus, f"STREAM.INFO.{stream}")
    return int(answer["state"]["last_seq"])


async def message_headers(bus: Requester, stream: str, sequence: int) -> dict[str, str] | None:
    """Return the headers of a stream's message; None when it is gone."""
    try:
        answer = await call(bus, f"STREAM.MSG.GET.{stream}", {"seq": sequence})
    except JetStreamRefused as refused:
        if refused.err_code == MESSAGE_NOT_FOUND:
            return None
        raise
    # The block is `NATS/1.0`, then `name: value` lines.
    lines = b64decode(answer["message"].get("hdrs", "")).decode().split("\r\n")
    return dict(line.split(": ", 1) for line in lines if ": " in line)
