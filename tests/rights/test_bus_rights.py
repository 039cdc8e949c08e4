"""
P39, the bus: each service's user, with its real password, is refused all that is not written here.

The tables are an expectation of their own, not read from the matrix: who may say it, who may hear it.
"""

import asyncio
from collections.abc import Iterable

import nats
import pytest

from orc_events.bus import Bus
from orc_events.jetstream import call
from orc_events.topology import Topology, provision, verify

USERS = ("gateway", "auth", "scheduler", "executor", "auditor")
STREAMS = ("ORC_COMMANDS", "ORC_EVENTS", "ORC_WORK")
CONSUMERS = {"ORC_COMMANDS": "handlers", "ORC_EVENTS": "anybody", "ORC_WORK": "pool-default"}

SAY = {
    "orc.commands.run.request": "gateway",
    "orc.auth.login": "gateway",
    "orc.auth.trust": "gateway",
    "orc.auth.secrets.put": "gateway",
    "orc.auth.revoked": "auth",
    "orc.preview.default": "gateway",
    "orc.projected": "gateway",
    "orc.poke.log": "auth scheduler executor",
    "orc.poke.run.x": "scheduler",
    "orc.poke.pool.default": "scheduler",
    "orc.progress.x": "executor",
    "orc.events.run.started": "scheduler",
    "orc.work.default": "scheduler",
    "orc.anything": "",
    "anything": "",
    # Answers go to the gateway, which is the only one that asks; acks and API answers come from the server itself.
    "_INBOX_gateway.x.y": "auth scheduler executor",
    "_INBOX_auth.x.y": "",
    "_INBOX_scheduler.x.y": "",
    "_INBOX_executor.x.y": "",
    "_INBOX.x.y": "",
    "$JS.API.INFO": "",
    "$JS.API.STREAM.NAMES": "",
    "$JS.API.STREAM.LIST": "",
    "$JS.API.STREAM.TEMPLATE.CREATE.x": "",
    "$JS.API.ACCOUNT.PURGE.x": "",
    "$JS.API.META.LEADER.STEPDOWN": "",
    "$JS.API.SERVER.REMOVE": "",
    "$JS.FC.ORC_WORK.x.y": "",
    "$SYS.REQ.USER.INFO": "",
    "$SYS.REQ.SERVER.PING": "",
    "$SYS.REQ.ACCOUNT.PING.CONNZ": "",
    "$SYS.ACCOUNT.x.DISCONNECT": "",
    "$KV.x.y": "",
    "$O.x.C.y": "",
    **{
        f"$JS.API.STREAM.{verb}.{stream}": "scheduler"
        for verb in ("CREATE", "UPDATE", "INFO", "DELETE")
        for stream in STREAMS
    },
    **{f"$JS.API.STREAM.{verb}.OTHER": "" for verb in ("CREATE", "UPDATE", "INFO", "DELETE")},
    **{
        f"$JS.API.STREAM.{verb}.{stream}": ""
        for verb in ("PURGE", "RESTORE", "SNAPSHOT", "MSG.DELETE", "LEADER.STEPDOWN", "PEER.REMOVE")
        for stream in STREAMS
    },
    "$JS.API.STREAM.MSG.GET.ORC_COMMANDS": "",
    "$JS.API.STREAM.MSG.GET.ORC_EVENTS": "scheduler",
    "$JS.API.STREAM.MSG.GET.ORC_WORK": "",
    **{f"$JS.API.DIRECT.GET.{stream}": "" for stream in STREAMS},
    **{f"$JS.API.CONSUMER.{verb}.{stream}": "" for verb in ("CREATE", "LIST", "NAMES") for stream in STREAMS},
    **{
        f"$JS.API.CONSUMER.{verb}.{stream}.{name}": ""
        for verb in ("CREATE", "PAUSE", "RESET", "UNPIN", "LEADER.STEPDOWN")
        for stream, name in CONSUMERS.items()
    },
    **{
        f"$JS.API.CONSUMER.{verb}.{stream}.{CONSUMERS[stream]}": who
        for verb in ("DURABLE.CREATE", "DELETE")
        for stream, who in (("ORC_COMMANDS", "scheduler"), ("ORC_EVENTS", ""), ("ORC_WORK", "scheduler"))
    },
    "$JS.API.CONSUMER.INFO.ORC_COMMANDS.handlers": "scheduler",
    "$JS.API.CONSUMER.INFO.ORC_EVENTS.anybody": "",
    "$JS.API.CONSUMER.INFO.ORC_WORK.pool-default": "scheduler executor",
    "$JS.API.CONSUMER.MSG.NEXT.ORC_COMMANDS.handlers": "scheduler",
    "$JS.API.CONSUMER.MSG.NEXT.ORC_EVENTS.anybody": "",
    "$JS.API.CONSUMER.MSG.NEXT.ORC_WORK.pool-default": "executor",
    "$JS.ACK.ORC_COMMANDS.handlers.1.1.1.1.1": "scheduler",
    "$JS.ACK.ORC_EVENTS.anybody.1.1.1.1.1": "",
    "$JS.ACK.ORC_WORK.pool-default.1.1.1.1.1": "executor",
}

HEAR = {
    **{f"_INBOX_{user}.>": user for user in ("gateway", "auth", "scheduler", "executor")},
    **{f"_INBOX_{user}.x.y": user for user in ("gateway", "auth", "scheduler", "executor")},
    "_INBOX.>": "",
    ">": "",
    "*.>": "",
    "orc.>": "",
    "orc.*.>": "",
    "orc.events.>": "auditor",
    "orc.events.run.started": "auditor",
    "orc.commands.>": "",
    "orc.commands.run.request": "",
    "orc.work.*": "",
    "orc.work.default": "",
    "orc.auth.>": "auth",
    "orc.auth.login": "auth",
    "orc.auth.secrets.put": "auth",
    "orc.auth.revoked": "gateway auth",
    "orc.preview.*": "executor",
    "orc.preview.default": "executor",
    "orc.projected": "gateway",
    "orc.poke.>": "",
    "orc.poke.log": "gateway scheduler",
    "orc.poke.run.*": "executor",
    "orc.poke.pool.default": "executor",
    "orc.progress.*": "gateway",
    "orc.progress.x": "gateway",
    "$JS.API.>": "",
    "$JS.ACK.>": "",
    "$JS.ACK.ORC_WORK.>": "",
    "$JS.EVENT.>": "",
    "$SYS.>": "",
    "$KV.>": "",
}


def expected(table: dict[str, str], user: str) -> set[str]:
    return {subject for subject, who in table.items() if user in who.split()}


async def allowed(url: str, verb: str, subjects: Iterable[str]) -> set[str]:
    """Publish to, or subscribe to, each subject and return those that the server did not refuse."""
    told: list[str] = []

    async def on_error(error: Exception) -> None:
        told.append(str(error).lower())

    client = await nats.connect(url, error_cb=on_error, allow_reconnect=False)
    try:
        for subject in subjects:
            if verb == "publish":
                await client.publish(subject, b"")
            else:
                await client.subscribe(subject)
        # The server answers in order: after its answers to two pings every refusal has arrived.
        await client.flush()
        await client.flush()
    finally:
        await client.close()
    assert all("permissions violation" in error for error in told), told
    return {s for s in subjects if not any(f'to "{s.lower()}"' in error for error in told)}


@pytest.mark.parametrize("user", USERS)
async def test_says_its_own_alone(nats_server, nats_url, user):
    """Of every subject and every verb of JetStream's API, a user may publish to those of the table and to no other."""
    assert await allowed(nats_server.urls[user], "publish", SAY) == expected(SAY, user)


@pytest.mark.parametrize("user", USERS)
async def test_hears_its_own_alone(nats_server, nats_url, user):
    """A user may subscribe to what the table says, and to nobody else's replies, work or commands."""
    assert await allowed(nats_server.urls[user], "subscribe", HEAR) == expected(HEAR, user)


async def test_streams_outlive_all_others(nats_server, nats_url):
    """The scheduler provisions with what it may do, and no other user's purge, delete or change reaches its streams."""
    bus = await Bus.connect(nats_server.urls["scheduler"], name="test", wait_seconds=5)
    topology = Topology(("default",))
    try:
        assert len(await provision(bus, topology)) == 5
        await bus.publish("orc.events.run.started", b"{}")
        for user in set(USERS) - {"scheduler"}:
            await allowed(nats_server.urls[user], "publish", SAY)
        assert await verify(bus, topology.declared) == []
    finally:
        await bus.close()


async def test_work_is_pulled_and_acked(nats_server, nats_url):
    """What an executor may is enough to be given work under its own prefix and to acknowledge it."""
    scheduler = await Bus.connect(nats_server.urls["scheduler"], name="scheduler", wait_seconds=5)
    executor = await Bus.connect(nats_server.urls["executor"], name="executor", wait_seconds=5)
    try:
        await provision(scheduler, Topology(("default",)))
        async with await executor.pull("ORC_WORK", "pool-default", slots=1) as work, asyncio.timeout(10):
            for message in (b"1", b"2"):
                await scheduler.publish("orc.work.default", message)
                delivery = await anext(work)
                assert delivery.data == message
                await delivery.ack()
                work.release()
        await executor.flush()
        info = await call(executor, "CONSUMER.INFO.ORC_WORK.pool-default")
        assert info["ack_floor"]["stream_seq"] == 2
    finally:
        await executor.close()
        await scheduler.close()


async def test_replies_reach_the_asker_alone(nats_server, nats_url):
    """A request is answered under its asker's prefix; whoever listens elsewhere, and whoever answers unasked, is refused."""
    gateway = await Bus.connect(nats_server.urls["gateway"], name="gateway", wait_seconds=5)
    executor = await Bus.connect(nats_server.urls["executor"], name="executor", wait_seconds=5)

    async def answer(data: bytes) -> bytes:
        return b"answer to " + data

    try:
        service = await executor.serve("orc.preview.default", "previews", answer)
        await executor.flush()
        assert await gateway.request("orc.preview.default", b"1", timeout_seconds=5) == b"answer to 1"
        await service.close()
        assert gateway.inbox().subject.startswith("_INBOX_gateway.")
    finally:
        await gateway.close()
        await executor.close()


async def test_answers_go_to_inboxes_alone(nats_server, nats_url):
    """Who asks cannot have the answer sent where the one who answers may speak and the asker may not."""
    heard: list[str] = []
    both = asyncio.Event()
    watcher = await Bus.connect(nats_url, name="watcher", wait_seconds=5)
    executor = await Bus.connect(nats_server.urls["executor"], name="executor", wait_seconds=5)
    gateway = await nats.connect(nats_server.urls["gateway"], inbox_prefix="_INBOX_gateway")

    def hear(subject: str, _data: bytes) -> None:
        heard.append(subject)
        if subject.startswith("_INBOX"):
            both.set()

    async def answer(data: bytes) -> bytes:
        return data

    try:
        await watcher.listen("orc.progress.*", hear)
        await watcher.listen("_INBOX_gateway.>", hear)
        await watcher.flush()
        await executor.serve("orc.preview.default", "previews", answer)
        await executor.flush()
        await gateway.publish("orc.preview.default", b"forged", reply="orc.progress.x")
        await gateway.publish("orc.preview.default", b"asked", reply="_INBOX_gateway.a.b")
        async with asyncio.timeout(5):
            await both.wait()
        assert heard == ["_INBOX_gateway.a.b"]
    finally:
        await gateway.close()
        await executor.close()
        await watcher.close()
