"""The command handlers when a command, the log or we ourselves are at fault."""

import asyncio

import msgspec
import pytest
from scheduler.caller import Caller, all_done, envelope, handling
from scheduler.parts import spec

from orc_domain.wire import (
    WireCreateJob,
    WirePauseJob,
)
from orc_events.errors import LogUnavailable, VersionConflict
from orc_events.jetstream import call


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff\xfe", b"[" * 20_000, b'{"command": {"type": "job.explode"}}']
)
async def test_undecodable(bus, caller, data):
    """What is no command is dropped, and the next one is handled."""
    await bus.publish("orc.commands.job.create", data)
    done = await caller.give(WireCreateJob(spec=spec()))
    assert done.kind == "done"
    await all_done(bus)
    delivered = (await call(bus, "CONSUMER.INFO.ORC_COMMANDS.handlers"))["delivered"]
    assert (delivered["consumer_seq"], delivered["stream_seq"]) == (2, 2)


async def test_many_at_once(parts, bus, caller):
    """More commands than slots are all answered, each once."""
    wishes = [envelope(WireCreateJob(spec=spec(job_name=f"job {n}"))) for n in range(100)]
    done = await asyncio.gather(*map(caller.send, wishes))
    assert sorted(one.position for one in done) == list(range(1, 101))
    await all_done(bus)


class Ailing:
    """A log whose next appends fail in a given way."""

    def __init__(self, log, failures):
        self._log, self._failures = log, failures

    def __getattr__(self, name):
        return getattr(self._log, name)

    async def append(self, item):
        if self._failures:
            raise self._failures.pop()
        return await self._log.append(item)


async def test_log_unavailable(parts, bus):
    """A command that the log could not be reached for is tried again until it is answered."""
    ailing = Ailing(parts.log, [LogUnavailable("away"), LogUnavailable("still away")])
    parts.commands._log = ailing
    async with handling(parts, bus, ailing):
        assert (await Caller(bus).give(WireCreateJob(spec=spec()))).kind == "done"
    counted = {
        sample.labels["outcome"]: sample.value
        for metric in parts.metrics.commands.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert (counted, await parts.types()) == ({"unavailable": 2, "done": 1}, ["job.created"])


async def test_contended(parts, bus):
    """A command that lost every race is told so, and has appended nothing."""
    job_id = await parts.create()
    parts.commands._log = Ailing(parts.log, [VersionConflict("job-x", 1, 2)] * 5)
    async with handling(parts, bus):
        outcome = await Caller(bus).give(WirePauseJob(job_id=job_id))
    assert (outcome.kind, await parts.types()) == ("contended", ["job.created"])


async def test_a_fault_of_ours(parts, bus, monkeypatch):
    """A command that fails by a fault of ours is tried again, then dropped, and others go on meanwhile."""
    monkeypatch.setattr("orc_scheduler.handlers.FAILED_AGAIN_SECONDS", 0.01)
    parts.commands._log = Ailing(parts.log, [RuntimeError("bug")] * 5)
    async with handling(parts, bus):
        await bus.publish(
            "orc.commands.job.create", msgspec.json.encode(envelope(WireCreateJob(spec=spec(job_name="bad"))))
        )
        await all_done(bus)
        assert (await Caller(bus).give(WireCreateJob(spec=spec()))).kind == "done"
    assert ['"job_name":"flights"' in past.data for past in await parts.events()] == [True]
