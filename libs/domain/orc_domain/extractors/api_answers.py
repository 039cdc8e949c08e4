"""What to do about an API's answers, and how hard to ask for them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from orc_domain.config import NonEmpty
from orc_domain.rejection import Invalid

STATUS_FIRST, STATUS_LAST = 100, 599
ACTIONS_MAX = 50


class ResponseAction(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do about answers with a status, or with a text in their body, or both; the first that fits counts."""

    action: Literal["ignore", "fail", "retry"]
    """`ignore` takes it as an answer without records, which ends the pages; `retry` asks again, then fails."""
    status: Annotated[int, Meta(ge=STATUS_FIRST, le=STATUS_LAST)] | None = None
    """An HTTP status."""
    content: NonEmpty | None = None
    """A text that the body holds."""


Actions = Annotated[tuple[ResponseAction, ...], Meta(max_length=ACTIONS_MAX)]


class ApiTimeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """How long one answer may take."""

    connect_seconds: Annotated[float, Meta(gt=0, le=300)] = 10.0
    """Until the connection stands, TLS included."""
    read_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """Without a byte."""
    total_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 600.0
    """From the question to the last byte."""


class ApiRetries(Struct, frozen=True, forbid_unknown_fields=True):
    """How often an answer is asked for again within an attempt: network, 408, 425, 429, 5xx, and actions that say so."""

    tries_max: Annotated[int, Meta(ge=1, le=20)] = 4
    """The first one included."""
    first_delay_seconds: Annotated[float, Meta(ge=0, le=60)] = 0.25
    """Doubled each time; a `Retry-After` counts instead."""
    retry_after_seconds_max: Annotated[float, Meta(ge=0, le=3600)] = 20.0
    """A server that asks for more is left to the run's own retries."""


def check_actions(actions: Actions, field: str) -> None:
    """Refuse an action that says of no answer that it is meant; raises Invalid."""
    for place, action in enumerate(actions):
        if action.status is None and action.content is None:
            raise Invalid(
                f"{field}[{place}]",
                "the action says of no answer that it is meant",
                valid="a status, a content, or both",
            )
