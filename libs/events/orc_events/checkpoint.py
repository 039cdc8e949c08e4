"""
Checkpoint: how far a follower has come, and the lease that says who it is.

One row of the table `checkpoints` (`sql/checkpoints.sql`, unqualified: the connection's search_path says whose). The
holder is this process and this start of it. The lease runs by database time; what protects the effect is not the
lease but `move`: it stands in the effect's transaction and yields no row to a holder that was paused too long.
"""

import os
import socket
from secrets import token_hex
from typing import Any

from orc_events.errors import LeaseLost
from orc_events.event import Position
from orc_events.statements import load

LEASE_SECONDS = 5.0
RENEW_SECONDS = 1.5

_TAKE = load("orc_events", "checkpoint_take")
_MOVE = load("orc_events", "checkpoint_move")
_RELEASE = load("orc_events", "checkpoint_release")
_POSITION = load("orc_events", "checkpoint_position")


def new_holder() -> str:
    """Return a name no other follower has, telling a person where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"


class Checkpoint:
    """One follower's row, as seen by one holder. `connection` is asyncpg's."""

    def __init__(self, name: str, holder: str | None = None) -> None:
        self.name, self.holder = name, holder or new_holder()

    async def take(self, connection: Any) -> Position | None:
        """Take or keep the lease and return the position; None while another holds it."""
        position: Position | None = await connection.fetchval(_TAKE, self.name, self.holder, LEASE_SECONDS)
        return position

    async def move(self, connection: Any, start: Position, end: Position) -> None:
        """Move the checkpoint and renew the lease; raises LeaseLost when it is not ours at `start` any more."""
        moved = await connection.fetchval(_MOVE, self.name, start, end, self.holder, LEASE_SECONDS)
        if moved is None:
            raise LeaseLost(self.name, self.holder)

    async def position(self, connection: Any) -> Position:
        """Return where the follower stands, whoever holds it; 0 when it never ran."""
        return Position(await connection.fetchval(_POSITION, self.name) or 0)

    async def release(self, connection: Any) -> None:
        """Let another take it at once."""
        await connection.execute(_RELEASE, self.name, self.holder)
