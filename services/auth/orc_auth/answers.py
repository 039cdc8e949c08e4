"""From a request's bytes to its answer's: one line per subject, one table of what can go wrong."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter

from orc_auth.denial import Denied, Unavailable
from orc_events.errors import LogError
from orc_runtime.auth_messages.wire import Refused, decode, encode
from orc_runtime.database import UNREACHABLE
from orc_runtime.deadline import within

M = TypeVar("M", bound=Struct)

Answer = Callable[[bytes], Awaitable[bytes]]

ANSWER_SECONDS_MAX = 5.0
"""Longer than the last in a full queue of passwords waits; past it nobody listens any more."""

log = structlog.stdlib.get_logger()


class Question(Struct, frozen=True):
    """What may be asked on a subject."""

    wish: type[Struct] | None
    """How it is read; None for a question without words."""
    perform: Callable[[Any], Awaitable[Struct]]
    """Given the wish; raises Denied."""
    seconds_max: float | None = None
    """How long it may take, where that is more than `ANSWER_SECONDS_MAX`."""


def answers(questions: Mapping[str, Question], registry: CollectorRegistry) -> Mapping[str, Answer]:
    """Return, per subject, what turns a request into its answer; an answer never raises."""
    counted = Counter(
        "orc_auth_answers", "Answers given, by subject and kind.", ["subject", "kind"], registry=registry
    )

    def answer(subject: str, question: Question) -> Answer:
        async def perform(data: bytes) -> Struct:
            wish = None if question.wish is None else _read(data, question.wish)
            return await question.perform(wish)

        async def answered(data: bytes) -> bytes:
            seconds_max = question.seconds_max or ANSWER_SECONDS_MAX
            outcome = await _outcome(subject, perform, data, seconds_max)
            counted.labels(subject, outcome.kind if isinstance(outcome, Refused) else "done").inc()
            return encode(outcome)

        return answered

    return {subject: answer(subject, question) for subject, question in questions.items()}


async def _outcome(
    subject: str, perform: Callable[[bytes], Awaitable[Struct]], data: bytes, seconds_max: float
) -> Struct:
    try:
        return await within(seconds_max, perform(data))
    except Denied as error:
        return error.answer
    except (*UNREACHABLE, LogError) as error:
        log.warning("unavailable", subject=subject, reason=str(error) or type(error).__name__)
        return Unavailable().answer


def _read(data: bytes, into: type[M]) -> M:
    try:
        return decode(data, into)
    except msgspec.MsgspecError as error:
        raise Denied("invalid", "malformed", f"the request cannot be read: {error}") from error
