"""Asking the auth service over core NATS, so that no password ever enters a stream; and saying its refusals in REST's way."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_gateway.problems import RETRY_SECONDS, FieldFault, Refusal, Unavailable
from orc_runtime.auth_messages.wire import Refused, decode, encode

A = TypeVar("A", bound=Struct)

ANSWER_SECONDS_MAX = 1.9

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="orc"'}
"""What RFC 6750 asks for beside a 401."""

_STATUSES = {
    "invalid": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not-found": 404,
    "conflict": 409,
    "busy": 429,
    "unavailable": 503,
}


class AuthClient:
    """The auth service, as the gateway sees it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(
        self, subject: str, wish: Struct | None, into: type[A], *, seconds_max: float = ANSWER_SECONDS_MAX
    ) -> A:
        """Return the answer to a question; raises Refusal, Unavailable."""
        found: A = await self.ask_either(subject, wish, into, seconds_max=seconds_max)
        return found

    async def ask_either(
        self, subject: str, wish: Struct | None, into: Any, *, seconds_max: float = ANSWER_SECONDS_MAX
    ) -> Any:
        """Return the answer, one of a union of messages; raises Refusal, Unavailable."""
        try:
            question = b"" if wish is None else encode(wish)
            reply = await self._bus.request(subject, question, timeout_seconds=seconds_max)
            answer: Any = decode(reply, into | Refused)
        except (BusUnavailable, msgspec.MsgspecError) as error:
            raise Unavailable("the auth service does not answer now") from error
        if isinstance(answer, Refused):
            raise refusal(answer)
        return answer


def refusal(refused: Refused) -> Refusal:
    """Return what REST says of it."""
    status = _STATUSES[refused.kind]
    errors = (FieldFault(refused.field, refused.detail, refused.valid),) if refused.field else ()
    headers = {}
    if status in {429, 503}:
        headers["Retry-After"] = str(refused.retry_seconds or RETRY_SECONDS)
    if status == 401:  # noqa: PLR2004
        headers |= CHALLENGE
    return Refusal(status, refused.code, refused.detail, errors=errors, headers=headers)


def unauthorized(detail: str) -> Refusal:
    """Return a 401."""
    return Refusal(401, "unauthorized", detail, headers=CHALLENGE)
