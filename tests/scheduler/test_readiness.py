"""What /readyz of the scheduler asks, each failing for its own reason."""

import asyncio

import pytest
from scheduler.parts import spec

from orc_domain.wire import WireCreateJob
from orc_events.jetstream import call
from orc_events.relay import Relay
from orc_events.topology import Topology
from orc_runtime.health import NotReady
from orc_scheduler.readiness import checks
from orc_scheduler.work import work_of


@pytest.fixture
def asked(parts, bus):
    """Give the checks, and the relay they ask."""

    async def nothing_needed():
        return None

    relay = Relay(parts.pool, parts.log, bus, work_subject=work_of, oldest_needed=nothing_needed)
    return checks(parts.pool, bus, Topology(), parts.calendar, relay), relay


async def reasons(asked) -> dict[str, str]:
    """Give the failing checks and why."""
    failing = {}
    for name, check in asked.items():
        try:
            await check()
        except NotReady as error:
            failing[name] = str(error)
    return failing


async def test_ready(asked):
    """With everything in place nothing fails."""
    assert (await reasons(asked[0]), sorted(asked[0])) == (
        {},
        ["calendar", "partitions", "relay", "topology"],
    )


async def test_consumer_missing(asked, bus):
    """A missing consumer is named."""
    await call(bus, "CONSUMER.DELETE.ORC_COMMANDS.handlers")
    assert await reasons(asked[0]) == {"topology": "ORC_COMMANDS.handlers is missing"}


async def test_no_spare_partition(asked, parts, monkeypatch):
    """Without room ahead of the log's head the scheduler is not ready."""
    monkeypatch.setattr("orc_scheduler.readiness._SPARE", "SELECT 0")
    assert await reasons(asked[0]) == {"partitions": "the log has no spare partition"}


async def test_followers_behind(asked, parts, monkeypatch):
    """A calendar or a relay too far behind the log is told, the relay only where it leads."""
    monkeypatch.setattr("orc_scheduler.readiness.LAG_EVENTS_MAX", 1)
    for _ in range(3):
        await parts.perform(WireCreateJob(spec=spec()))
    standby = await reasons(asked[0])
    asked[1].is_leading = True
    assert (standby, await reasons(asked[0])) == (
        {"calendar": "3 events behind the log"},
        {"calendar": "3 events behind the log", "relay": "3 events behind the log"},
    )


async def test_bus_away(asked, bus):
    """Without NATS the bus and the topology fail, the rest does not."""
    await bus.close()
    await asyncio.sleep(0)
    assert await reasons(asked[0]) == {"topology": "NATS is not connected"}
