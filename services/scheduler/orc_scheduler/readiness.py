"""Whether the scheduler can do its work: what /readyz asks."""

from collections.abc import Awaitable, Callable
from typing import Any

from orc_events.bus import Bus
from orc_events.event import Position
from orc_events.relay import Relay
from orc_events.statements import load
from orc_events.topology import Topology, verify
from orc_runtime.health import Check, NotReady
from orc_scheduler.calendar import Calendar

LAG_EVENTS_MAX = 20_000
"""How far a follower may be behind the log before commands and ticks are better sent elsewhere."""

_SPARE = load("orc_scheduler", "spare_partitions")


def checks(pool: Any, bus: Bus, topology: Topology, calendar: Calendar, relay: Relay) -> dict[str, Check]:
    """Return the checks by name."""

    async def nats() -> None:
        if not bus.connected:
            raise NotReady("not connected")

    async def topology_stands() -> None:
        await nats()
        if wrong := await verify(bus, topology.declared):
            raise NotReady("; ".join(wrong))

    async def partitions() -> None:
        if await pool.fetchval(_SPARE) < 1:
            raise NotReady("the log has no spare partition")

    async def calendar_follows() -> None:
        _check_lag(await calendar.follower.log.head(), calendar.follower.position)

    async def relay_follows() -> None:
        if relay.is_leading:
            _check_lag(await calendar.follower.log.head(), relay.position)

    return {
        "postgres": _answers(pool),
        "nats": nats,
        "topology": topology_stands,
        "partitions": partitions,
        "calendar": calendar_follows,
        "relay": relay_follows,
    }


def _answers(pool: Any) -> Callable[[], Awaitable[None]]:
    async def answers() -> None:
        await pool.fetchval("SELECT 1")

    return answers


def _check_lag(head: Position, position: Position) -> None:
    if head - position > LAG_EVENTS_MAX:
        raise NotReady(f"{head - position} events behind the log")
