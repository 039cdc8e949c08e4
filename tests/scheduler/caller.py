"""Gives commands over the bus and waits for their outcomes, as the gateway does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
from scheduler.parts import NOW

from orc_domain.wire import (
    CommandEnvelope,
    Outcome,
    WireCommand,
    subject_of,
)
from orc_events.jetstream import call
from orc_scheduler.handlers import REPLY_TO, Handlers

REPLY_SECONDS_MAX = 10.0


def envelope(command: WireCommand, **said) -> CommandEnvelope:
    values = {
        "command_id": uuid4(),
        "body_hash": "ab" * 32,
        "actor": "user:ada",
        "correlation_id": uuid4(),
        "issued_at": NOW,
        "deadline": datetime.now(UTC) + timedelta(seconds=60),
        "command": command,
    }
    return CommandEnvelope(**(values | said))


class Caller:
    """Gives commands and waits for their outcomes, as the gateway does."""

    def __init__(self, bus):
        self.bus = bus

    async def give(self, command: WireCommand, **said) -> Outcome:
        return await self.send(envelope(command, **said))

    async def send(self, wish: CommandEnvelope) -> Outcome:
        return await self.send_bytes(subject_of(wish.command), msgspec.json.encode(wish))

    async def send_bytes(self, subject: str, data: bytes) -> Outcome:
        reply_to, outcome = self.bus.inbox().expect()
        await self.bus.publish(subject, data, {REPLY_TO: reply_to})
        async with asyncio.timeout(REPLY_SECONDS_MAX):
            return msgspec.json.decode(await outcome, type=Outcome)


@asynccontextmanager
async def handling(parts, bus, log=None) -> AsyncIterator[None]:
    handlers = Handlers(bus, log or parts.log, parts.commands, parts.clock, parts.metrics, slots=16)
    stopping = asyncio.Event()
    running = asyncio.create_task(handlers.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await running


async def waiting_commands(bus) -> int:
    """Give how many commands are not done: a work queue keeps what is not acked."""
    return (await call(bus, "STREAM.INFO.ORC_COMMANDS"))["state"]["messages"]


async def all_done(bus) -> None:
    """Wait until every command is acked."""
    async with asyncio.timeout(REPLY_SECONDS_MAX):
        while await waiting_commands(bus):
            pass
