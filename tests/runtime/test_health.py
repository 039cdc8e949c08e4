"""Health tells alive from ready and names what is missing."""

import asyncio
from contextlib import asynccontextmanager

import httpx

from orc_runtime import health as health_module
from orc_runtime.health import Health, NotReady, Readiness, serve_side
from orc_runtime.metrics import create_registry


async def fine() -> None:
    return


async def broken() -> None:
    raise NotReady("postgresql://u:hush@h/d does not answer")


async def mute() -> None:
    raise NotReady


async def frozen() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def asked(health: Health):
    async with (
        serve_side(health, create_registry("sample"), "127.0.0.1", 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield client


async def test_not_ready_before_started():
    """A process is alive but not ready until it says that it is wired."""
    health = Health()
    health.checks["postgres"] = fine

    before = await health.readiness()
    health.started()
    after = await health.readiness()

    assert before == Readiness(ready=False, checks={"startup": "starting", "postgres": "ok"})
    assert after == Readiness(ready=True, checks={"postgres": "ok"})


async def test_each_check_is_named(monkeypatch):
    """A failing, a silent and a frozen check are told apart, and none holds up the answer or shows a password."""
    monkeypatch.setattr(health_module, "CHECK_SECONDS_MAX", 0.01)
    health = Health()
    health.started()
    health.checks.update(fine=fine, broken=broken, mute=mute, frozen=frozen)

    assert await health.readiness() == Readiness(
        ready=False,
        checks={
            "fine": "ok",
            "broken": "postgresql://u:***@h/d does not answer",
            "mute": "NotReady",
            "frozen": "no answer within 0.01 s",
        },
    )


async def test_slow_end_of_a_check(monkeypatch):
    """A check that is slow to give up holds up no answer, and is not begun again before it has ended."""
    monkeypatch.setattr(health_module, "CHECK_SECONDS_MAX", 0.01)
    begun, end = 0, asyncio.Event()

    async def clinging() -> None:
        nonlocal begun
        begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            await end.wait()

    health = Health()
    health.started()
    health.checks["postgres"] = clinging
    answers = [(await health.readiness()).checks["postgres"] for _ in range(3)]
    end.set()

    assert (answers, begun) == (["no answer within 0.01 s"] * 3, 1)


async def test_a_check_that_goes_while_it_is_asked():
    """What is waited for may arrive, and its check go, in the moment somebody asks."""
    health = Health()
    health.started()
    health.fail("postgres", "waiting")
    asked = asyncio.create_task(health.readiness())
    # The question is put before this task goes on, its answer worked out after.
    await asyncio.sleep(0)
    del health.checks["postgres"]

    assert await asked == Readiness(ready=False, checks={"postgres": "waiting"})


async def test_two_who_ask_at_once():
    """Of two who ask at the same moment both get the answer of one check."""
    begun, first, go = 0, asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        nonlocal begun
        begun += 1
        first.set()
        await go.wait()

    health = Health()
    health.started()
    health.checks["postgres"] = slow
    asked = [asyncio.create_task(health.readiness()) for _ in range(2)]
    await first.wait()
    go.set()

    assert await asyncio.gather(*asked) == [Readiness(ready=True, checks={"postgres": "ok"})] * 2
    assert begun == 1


async def test_side_server():
    """The three paths answer over HTTP; readiness is 503 until ready, liveness always 200."""
    health = Health()
    async with asked(health) as client:
        starting = await client.get("/readyz")
        alive = await client.get("/livez")
        health.started()
        ready = await client.get("/readyz")
        metrics = await client.get("/metrics")
        others = [
            (await client.get("/")).status_code,
            (await client.post("/livez")).status_code,
            (await client.head("/livez")).status_code,
        ]

    assert (starting.status_code, starting.json()) == (
        503,
        {"ready": False, "checks": {"startup": "starting"}},
    )
    assert (alive.status_code, alive.json()) == (200, {"alive": True})
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": {}})
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'orc_build_info{service="sample",version="' in metrics.text
    assert "process_resident_memory_bytes" in metrics.text
    assert others == [404, 405, 200]


async def test_port_is_free_again():
    """Leaving the block ends requests under way and frees the port."""
    health = Health()
    async with serve_side(health, create_registry("sample"), "127.0.0.1", 0) as port:
        pass
    async with serve_side(health, create_registry("sample"), "127.0.0.1", port) as again:
        pass

    assert again == port
