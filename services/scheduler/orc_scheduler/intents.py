"""How the scheduler itself speaks: commands whose ids follow from their cause, so that twice is once."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from orc_events.handle import Intent

ACTOR = "scheduler"


def own_intent(command_id: UUID, now: datetime, *, because_of: UUID | None = None) -> Intent:
    """Return the intent of a command of ours; what is wished under an id is always the same."""
    return Intent(
        command_id=command_id,
        body_hash=sha256(command_id.bytes).digest(),
        actor=ACTOR,
        correlation_id=because_of or command_id,
        occurred_at=now,
    )
