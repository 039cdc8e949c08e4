"""A deadline holds even when what it cuts off is slow to end."""

import asyncio

import pytest

from orc_runtime.deadline import within


async def test_in_time():
    """What is done in time is returned, or raised."""

    async def work() -> int:
        return 3

    async def fail() -> None:
        raise ValueError("mine")

    assert await within(60, work()) == 3
    with pytest.raises(ValueError, match="mine"):
        await within(60, fail())


async def test_too_late():
    """Past the deadline the caller goes on at once, while what was cut off still cleans up."""
    clean, cleaned = asyncio.Event(), asyncio.Event()

    async def cling() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await clean.wait()
            cleaned.set()

    with pytest.raises(TimeoutError):
        await within(0, cling())
    assert not cleaned.is_set()
    clean.set()
    await cleaned.wait()


async def test_cancelled_caller():
    """A caller that is cancelled takes the work with it."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(within(60, work()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await ended.wait()
