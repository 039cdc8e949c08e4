"""Whether the scheduler can do its work: what /readyz asks."""

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
    """Return the checks by name, beside those of the connections themselves."""

    async def topology_stands() -> None:
        if not bus.connected:
            raise NotReady("NATS is not connected")
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
        "topology": topology_stands,
        "partitions": partitions,
        "calendar": calendar_follows,
        "relay": relay_follows,
    }


def _check_lag(head: Position, position: Position) -> None:
    if head - position > LAG_EVENTS_MAX:
        raise NotReady(f"{head - position} events behind the log")
