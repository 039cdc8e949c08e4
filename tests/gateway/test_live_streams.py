"""Live streams: nothing missed, nothing twice, ended when they should be."""

import asyncio
import json
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from orc_domain.run_messages import StartRun, SucceedTask, TaskResult
from orc_gateway import sse

AT = datetime(2026, 1, 2, tzinfo=UTC)
ACCEPT = {"Accept": "text/event-stream"}


class Reader:
    """Reads a stream's frames as they come."""

    def __init__(self, answer) -> None:
        self._lines = answer.aiter_lines()

    async def frame(self):
        """Give the next frame as a dict of its fields; a comment's field has no name."""
        fields = {}
        async for line in self._lines:
            if not line:
                return fields
            name, _, value = line.partition(": ")
            fields[name] = value
        return None

    async def event(self):
        """Give id, name and data of the next event, passing over the opening and heartbeats."""
        while (fields := await self.frame()) is not None:
            if "data" in fields:
                return fields.get("id"), fields["event"], json.loads(fields["data"])
        return None


@pytest.fixture
async def served(gateway):
    async with gateway.served() as client:
        yield client


@pytest.fixture
async def job(served, body):
    return (await served.post("/jobs", json=body())).json()


async def trigger(client, job):
    return (await client.post(f"/jobs/{job['job_id']}/run")).json()["run_id"]


async def test_log_is_followed_from_now(served, job):
    """Without a position a stream begins with what happens next, in order, ids being positions."""
    async with served.stream("GET", "/events", headers=ACCEPT) as answer:
        reader = Reader(answer)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        assert await reader.frame() == {"retry": "1000"}
        runs = [await trigger(served, job) for _ in range(3)]
        events = [await reader.event() for _ in range(3)]
    assert [(one[0], one[1], one[2]["data"]["run_id"]) for one in events] == [
        (str(position), "run.requested", run) for position, run in enumerate(runs, start=2)
    ]
    assert events[0][2] == (await served.get("/events?after=1&limit=1")).json()[0]


@pytest.mark.parametrize("how", ["header", "query"])
async def test_log_is_resumed(served, job, how):
    """After a position everything later comes, from the log what is old and live what is new."""
    runs = [await trigger(served, job) for _ in range(2)]
    headers, path = (
        (ACCEPT | {"Last-Event-ID": "2"}, "/events?after=1")
        if how == "header"
        else (ACCEPT, "/events?after=2")
    )
    async with served.stream("GET", path, headers=headers) as answer:
        reader = Reader(answer)
        first = await reader.event()
        runs.append(await trigger(served, job))
        second = await reader.event()
    assert [(one[0], one[2]["data"]["run_id"]) for one in (first, second)] == [("3", runs[1]), ("4", runs[2])]


async def test_log_is_filtered(served, job):
    """Only what was asked for comes, by type and by stream."""
    async with served.stream(
        "GET", f"/events?type=job.paused&stream=job-{job['job_id']}", headers=ACCEPT
    ) as answer:
        reader = Reader(answer)
        await reader.frame()
        await trigger(served, job)
        await served.post(f"/jobs/{job['job_id']}/pause")
        assert (await reader.event())[1] == "job.paused"


async def test_run_is_followed_to_its_end(gateway, served, job):
    """A run's stream tells its past, its progress and its end, and is over then."""
    run_id = await trigger(served, job)
    progress = {"run_id": run_id, "attempt": 1, "task": 1, "rows": 5, "bytes": 9, "percent": None}
    async with served.stream("GET", f"/runs/{run_id}/events", headers=ACCEPT) as answer:
        reader = Reader(answer)
        names = [(await reader.event())[1]]
        await gateway.say(run_id, StartRun("test", AT))
        names.append((await reader.event())[1])
        gateway.bus.poke(f"orc.progress.{run_id}", json.dumps(progress).encode())
        told = await reader.event()
        await trigger(served, job)  # of no concern here
        await gateway.say(run_id, SucceedTask(1, 1, TaskResult(rows=5)))
        rest = [await reader.event() for _ in range(3)]
    assert names == ["run.requested", "run.started"]
    assert told == (None, "progress", progress)
    assert [one and one[1] for one in rest] == ["task.succeeded", "run.succeeded", None]


async def test_ended_run(gateway, served, job):
    """An ended run's stream tells what was not seen yet and ends; with all seen it is 204, which ends the asking."""
    run_id = await trigger(served, job)
    await served.post(f"/runs/{run_id}/cancel")
    path = f"/runs/{run_id}/events"
    resumed = await served.get(path, headers=ACCEPT | {"Last-Event-ID": "2"})
    seen = await served.get(path, headers=ACCEPT | {"Last-Event-ID": "4"})
    assert [line for line in resumed.text.splitlines() if line.startswith("event")] == [
        "event: run.cancel_requested", "event: run.cancelled",
    ]  # fmt: skip
    assert seen.status_code == 204


async def test_heartbeat(served, monkeypatch):
    """While nothing happens a comment tells that the line is alive."""
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.01)
    async with served.stream("GET", "/events", headers=ACCEPT) as answer:
        reader = Reader(answer)
        await reader.frame()
        assert await reader.frame() == {"": "still here"}


async def test_streams_end_when_the_process_stops(gateway, served):
    """When the tail's duty is cancelled, as at the end of the process, every stream ends."""
    async with served.stream("GET", "/events", headers=ACCEPT) as answer:
        reader = Reader(answer)
        await reader.frame()
        gateway.tail.end()
        assert await reader.frame() is None
    refused = await served.get("/events", headers=ACCEPT)
    assert refused.status_code == 503


async def test_a_stream_more_than_may_be(start_gateway):
    """Past the maximum a stream is 503; plain reading goes on."""
    gateway = await start_gateway(streams_max=1)
    async with gateway.served() as client, client.stream("GET", "/events", headers=ACCEPT) as answer:
        reader = Reader(answer)
        await reader.frame()
        assert (await client.get("/events", headers=ACCEPT)).json()["code"] == "too-many-streams"
        assert (await client.get("/events")).status_code == 200
        assert gateway.registry.get_sample_value("orc_event_streams") == 1


async def test_reader_that_leaves_is_forgotten(gateway, served, job, monkeypatch):
    """A connection that was closed makes room again, and who comes next reads on."""
    left, watch = asyncio.Event(), gateway.tail.watch

    @contextmanager
    def watched(may_go_on):
        try:
            with watch(may_go_on) as watcher:
                yield watcher
        finally:
            left.set()

    monkeypatch.setattr(gateway.tail, "watch", watched)
    async with served.stream("GET", "/events", headers=ACCEPT) as answer:
        reader = Reader(answer)
        await reader.frame()
        assert gateway.registry.get_sample_value("orc_event_streams") == 1
    async with asyncio.timeout(10):
        await left.wait()
    assert gateway.registry.get_sample_value("orc_event_streams") == 0
    async with served.stream("GET", "/events?after=0", headers=ACCEPT) as answer:
        assert (await Reader(answer).event())[1] == "job.created"


@pytest.mark.parametrize("given", ["x", "-1", "1e3"])
async def test_odd_last_event_id(client, given):
    """A Last-Event-ID that is no position is 400."""
    answer = await client.get("/events", headers=ACCEPT | {"Last-Event-ID": given})
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"
