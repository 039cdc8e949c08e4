"""
Health: alive is that the process answers; ready is that all it needs answers it.

    /livez     200 as long as the loop turns: restarting us helps only when this fails
    /readyz    200 or 503, naming each check and why it fails
    /metrics   the registry in Prometheus' text format

A service without HTTP of its own serves these three beside its work.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry

from orc_runtime.logging import scrub
from orc_runtime.metrics import CONTENT_TYPE, render
from orc_runtime.serving import serving

CHECK_SECONDS_MAX = 1.5

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, raises with the reason when not."""


class NotReady(Exception):
    """A check's own reason, in words."""


class Readiness(Struct, frozen=True):
    """What /readyz answers."""

    ready: bool
    checks: dict[str, str]
    """`ok` or the reason, per check."""


class Health:
    """The checks of one process; it is not ready before `started` was called."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}
        self._running: dict[str, asyncio.Task[str]] = {}
        self.fail("startup", "starting")

    def started(self) -> None:
        """Say that everything is wired; from now on the other checks decide."""
        self.checks.pop("startup", None)

    def fail(self, name: str, reason: str) -> None:
        """Let a check fail until it is replaced or removed."""

        async def failing() -> None:
            raise NotReady(reason)

        self.checks[name] = failing

    async def readiness(self) -> Readiness:
        """Run all checks at once, each for `CHECK_SECONDS_MAX` at most."""
        # What is waited for may be there, and its check gone, before a check of this list has begun.
        checks = dict(self.checks)
        reasons = await asyncio.gather(*(self._run(name, check) for name, check in checks.items()))
        answers = dict(zip(checks, reasons, strict=True))
        return Readiness(ready=all(reason == "ok" for reason in reasons), checks=answers)

    async def _run(self, name: str, check: Check) -> str:
        # Whoever asks meanwhile waits for the same answer: asking a frozen server again and again would use up the
        # connections to it. A check that was given up may end late; nobody waits for that.
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.create_task(_reason(check))
            task.add_done_callback(lambda _: self._running.pop(name))
        await asyncio.wait({task}, timeout=CHECK_SECONDS_MAX)
        if task.done() and not task.cancelled():
            return task.result()
        if not task.cancelling():
            task.cancel()
        return f"no answer within {CHECK_SECONDS_MAX} s"


async def _reason(check: Check) -> str:
    try:
        await check()
    except Exception as error:  # noqa: BLE001 - whatever a check raises is its reason
        return scrub(f"{error}" or type(error).__name__)
    return "ok"


@asynccontextmanager
async def serve_side(health: Health, registry: CollectorRegistry, host: str, port: int) -> AsyncIterator[int]:
    """Serve the three paths while the block runs and yield the port; raises OSError when it is taken."""
    async with serving(_side_app(health, registry), host, port) as bound:
        yield bound


def _side_app(health: Health, registry: CollectorRegistry) -> Callable[..., Awaitable[None]]:
    async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
        status, content_type, body = await _answer(health, registry, scope["method"], scope["path"])
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


async def _answer(
    health: Health, registry: CollectorRegistry, method: str, path: str
) -> tuple[int, str, bytes]:
    """Return status, content type and body."""
    if method not in {"GET", "HEAD"}:
        return 405, "text/plain", b"GET only\n"
    match path:
        case "/livez":
            return 200, "application/json", b'{"alive":true}'
        case "/readyz":
            readiness = await health.readiness()
            return 200 if readiness.ready else 503, "application/json", msgspec.json.encode(readiness)
        case "/metrics":
            return 200, CONTENT_TYPE, render(registry)
    return 404, "text/plain", b"no such path: /livez /readyz /metrics\n"
