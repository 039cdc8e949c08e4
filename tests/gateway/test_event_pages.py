"""However large events are, no answer and no stream holds more of them at once than its limit says."""

import pytest
from prometheus_client import CollectorRegistry

from orc_gateway import live

ACCEPT = {"Accept": "text/event-stream"}
EVENTS = 5


@pytest.fixture
async def stream(client, body):
    """Make a job and change it a few times."""
    job = (await client.post("/jobs", json=body())).json()
    for number in range(1, EVENTS):
        changed = body(description=f"change {number}")
        answer = await client.put(f"/jobs/{job['job_id']}", json=changed, headers={"If-Match": "*"})
        assert answer.status_code == 200
    return f"job-{job['job_id']}"


async def pages(client, url):
    """Read page after page, and give the positions on each."""
    found = []
    while url:
        answer = await client.get(url)
        found.append([event["position"] for event in answer.json()])
        url = answer.links.get("next", {}).get("url")
    return found


@pytest.mark.parametrize("of_stream", [False, True])
async def test_pages_are_cut_at_their_bytes(gateway, client, stream, monkeypatch, of_stream):
    """A page ends with the event that passes the limit; links lead to all of them, with and without filters."""
    url = f"/events?stream={stream}" if of_stream else "/events"
    assert await pages(client, url) == [[1, 2, 3, 4, 5]]
    assert await pages(client, f"{url}{'&' if of_stream else '?'}limit=2") == [[1, 2], [3, 4], [5]]

    async def bounded(*given, events=gateway.reads.events, **named):
        return await events(*given, **named, bytes_max=1)

    monkeypatch.setattr(gateway.reads, "events", bounded)
    assert await pages(client, url) == [[1], [2], [3], [4], [5], []]


async def test_streams_are_cut_at_their_bytes(gateway, stream, monkeypatch):
    """A watcher gets its events in small batches, all of them, from memory as from the log."""
    monkeypatch.setattr(live, "BATCH_BYTES_MAX", 1)
    monkeypatch.setattr(live, "KEPT_BYTES_MAX", 1)
    async with gateway.served() as client, client.stream("GET", "/events?after=0", headers=ACCEPT) as answer:
        found = []
        async for line in answer.aiter_lines():
            found += [int(line.removeprefix("id: "))] if line.startswith("id: ") else []
            if len(found) == EVENTS:
                break
    assert found == [1, 2, 3, 4, 5]


async def test_what_is_kept_for_streams_is_bounded(gateway, stream, monkeypatch):
    """The newest events stay in memory up to their bytes; a batch of them ends where its bytes do."""
    del stream
    events = await gateway.log.read(0, EVENTS)
    two = len(events[-1].data) + len(events[-2].data)
    monkeypatch.setattr(live, "KEPT_BYTES_MAX", two)
    tail = live.Tail(gateway.log, gateway.reads, CollectorRegistry(), watchers_max=1)
    tail._keep(events)
    assert [event.position for event in tail._kept] == [4, 5]
    monkeypatch.setattr(live, "BATCH_BYTES_MAX", 1)
    tail._end = events[-1].position
    assert [event.position for event in await tail.after(3)] == [4]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_last_event_that_is_no_position(client, accept):
    """It is refused whether or not anything is followed: what is ignored is misread by whoever sent it."""
    headers = {"Accept": accept, "Last-Event-ID": "Inf"}
    refused = await client.get("/events", headers=headers)
    assert (refused.status_code, [fault["field"] for fault in refused.json()["errors"]]) == (
        400,
        ["Last-Event-ID"],
    )
