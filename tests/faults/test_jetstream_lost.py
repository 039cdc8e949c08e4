"""P4, P5, P6, P7: what NATS stores is erased, made older, doubled or taken apart."""

import asyncio
import time

import nats
import pytest
from faults.client import Client, into
from faults.machine import Machine
from faults.oracle_bus import last_without_gap
from faults.verdict import fetch_all, require_sound

QUEUED = 200
HEALED_SECONDS_MAX = 60.0


def carries_the_log(machine: Machine) -> bool:
    head = fetch_all(machine, "SELECT position FROM log.head")[0][0]
    return asyncio.run(last_without_gap(machine.nats.url())) == head


@pytest.fixture
def job(machine: Machine, client: Client, csv: str, request: pytest.FixtureRequest) -> dict:
    name = request.node.name
    return client.create(name, {"type": "csv", "path": csv}, into(f"{name}.duckdb"))


def test_erased_with_runs_queued(machine: Machine, client: Client, job: dict):
    """200 runs are queued and some active; the store is deleted; all end within 60 s, and the bus has every event."""
    for _ in range(4):
        machine.points.arm("mid-load")
    active = client.runs(job, 6)
    machine.points.wait("mid-load")
    for name in machine.executors:
        machine.pause(machine.processes[name].pid, "executor")
    queued = client.runs(job, QUEUED)
    machine.kill("nats", stay_down=True)
    machine.erase_jetstream()
    machine.begin("nats")
    machine.points.disarm()
    for hit in machine.points.hits():
        machine.points.release(hit)
    for name in machine.executors:
        machine.resume(machine.processes[name].pid)
    began = time.monotonic()
    assert client.all_finished(active + queued, HEALED_SECONDS_MAX) == {"success"}
    machine.history.write("figure", name="erased to all finished", seconds=time.monotonic() - began)
    machine.history.require(jetstream_erased=1, pause_executor=3)
    machine.until(lambda: carries_the_log(machine), "the bus to carry the whole log")
    require_sound(machine)


@pytest.mark.parametrize("age_seconds", [1, 10])
def test_restored_from_an_older_copy(machine: Machine, client: Client, job: dict, age_seconds: int):
    """NATS comes back as it was some seconds ago, as after a power cut: nothing accepted is lost."""
    accepted = client.runs(job, 10)
    copy = machine.copy_jetstream(f"copy-{age_seconds}")
    until = time.monotonic() + age_seconds
    while time.monotonic() < until or len(accepted) < 40:
        accepted += client.runs(job, 10)
        machine.rest(0.2)
    machine.kill("nats", stay_down=True)
    machine.restore_jetstream(copy)
    machine.begin("nats")
    assert client.all_finished(accepted) == {"success"}
    machine.history.require(jetstream_restored=1)
    machine.until(lambda: carries_the_log(machine), "the bus to carry the whole log")
    require_sound(machine)


def test_every_message_doubled(machine: Machine, client: Client, job: dict):
    """Each work message ever sent is published five times more, and again after NATS was killed: nothing changes."""
    assert client.all_finished(client.runs(job, 10)) == {"success"}
    before = fetch_all(machine, "SELECT position FROM log.head")
    for _ in range(2):
        machine.history.write("doubled", messages=asyncio.run(_double(machine.nats.url())))
        machine.history.fault("messages doubled")
        machine.until(lambda: asyncio.run(_idle(machine.nats.url())), "the doubles to be taken")
        machine.kill("nats")
        machine.mend()
        machine.wait_ready()
    assert fetch_all(machine, "SELECT position FROM log.head") == before
    require_sound(machine)


def test_consumer_deleted(machine: Machine, client: Client, job: dict):
    """The executors' consumer is deleted while runs wait: it is made again and the runs end."""
    for name in machine.executors:
        machine.pause(machine.processes[name].pid, "executor")
    accepted = client.runs(job, 20)
    asyncio.run(_delete_consumer(machine.nats.url()))
    machine.history.fault("consumer deleted")
    for name in machine.executors:
        machine.resume(machine.processes[name].pid)
    assert client.all_finished(accepted) == {"success"}
    require_sound(machine)


async def _double(url: str) -> int:
    client = await nats.connect(url, allow_reconnect=False)
    try:
        stream = client.jetstream()
        state = (await stream.stream_info("ORC_WORK")).state
        doubled = 0
        for sequence in range(max(state.first_seq, state.last_seq - 99), state.last_seq + 1):
            message = await stream.get_msg("ORC_WORK", sequence)
            for _ in range(5):
                await client.publish(message.subject, message.data, headers=message.headers)
                doubled += 1
        await client.flush()
        return doubled
    finally:
        await client.close()


async def _idle(url: str) -> bool:
    client = await nats.connect(url, allow_reconnect=False)
    try:
        info = await client.jetstream().consumer_info("ORC_WORK", "pool-default")
        return not info.num_pending and not info.num_ack_pending
    finally:
        await client.close()


async def _delete_consumer(url: str) -> None:
    client = await nats.connect(url, allow_reconnect=False)
    try:
        await client.jetstream().delete_consumer("ORC_WORK", "pool-default")
    finally:
        await client.close()
