"""Backfills seen over REST: asked for, worked off, waited for."""

import asyncio
from collections.abc import Callable
from typing import Any

from orc_domain.run_messages import FailAttempt, StartRun, SucceedTask, TaskResult
from orc_runtime.clock import SystemClock

WAIT_SECONDS_MAX = 20.0
RANGE = {"start": "2026-05-01T00:00:00+00:00", "end": "2026-05-04T23:00:00Z"}


def days(*numbers: int) -> list[str]:
    return [f"2026-05-{number:02}T09:00:00Z" for number in numbers]


async def until(look: Callable[[], Any]) -> Any:
    """Look until there is something."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not (found := await look()):  # noqa: ASYNC110 - the loops that work for it set no event of ours
            await asyncio.sleep(0)
    return found


async def runs(client, **filters: str) -> list[dict[str, Any]]:
    return (await client.get("/runs", params=filters)).json()


async def end(gateway, run_id: str, *, fails: bool = False) -> None:
    """End a run as an executor."""
    now = SystemClock().now()
    await gateway.say(run_id, StartRun("e1", now))
    if fails:
        failure = FailAttempt(
            attempt=1, kind="file_missing", message="gone", retryable=False, at=now, jitter=0.0, task_order=1
        )
        await gateway.say(run_id, failure)
    else:
        await gateway.say(run_id, SucceedTask(1, 1, TaskResult(rows=1)))


async def work_off(gateway, client, backfill_id: str, failing: tuple[str, ...] = ()) -> dict[str, Any]:
    """End a backfill's runs as they come, until it has ended."""

    async def step() -> dict[str, Any] | None:
        for run in await runs(client, status="queued"):
            await end(gateway, run["run_id"], fails=run["due_at"] in failing)
        found = (await client.get(f"/backfills/{backfill_id}")).json()
        return found if found["finished_at"] else None

    return await until(step)


async def when(look: Any, count: int) -> Any:
    found = await look
    return found if len(found) == count else None


async def ended_of(client, backfill_id: str) -> Any:
    found = (await client.get(f"/backfills/{backfill_id}")).json()
    return found if found["finished_at"] else None
