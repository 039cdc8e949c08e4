"""
The life of a service's process.

    read the settings, or say every fault and end
    run `main(lifecycle, settings)`, which waits for what it needs and then gives its duties to the lifecycle
    SIGTERM or SIGINT sets `stopping`; duties are cancelled (or end by themselves), resources close, exit code 0
    a duty that ends on its own is a death: the others are cancelled, exit code 1, and the supervisor starts us again

However it ends, it ends in bounded time: past it, a thread of its own takes the process down.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import structlog
import uvloop
from msgspec import Struct

from orc_runtime.deadline import within
from orc_runtime.health import Health
from orc_runtime.logging import configure, scrub
from orc_runtime.settings import ServiceSettings, SettingsError, read_settings
from orc_runtime.tls import check_tls

T = TypeVar("T")
S = TypeVar("S", bound=ServiceSettings)

EXIT_CLEAN = 0
EXIT_DIED = 1
EXIT_SETTINGS = 2
EXIT_STUCK = 3

DRAIN_SECONDS_MAX = 8.0
"""From the signal until whatever still runs is cancelled."""
STUCK_SECONDS_MAX = 15.0
"""From the signal until the process is taken down, cancelled or not."""
WAIT_SECONDS_MIN = 0.05
WAIT_SECONDS_MAX = 2.0
ATTEMPT_SECONDS_MAX = 10.0

log = structlog.stdlib.get_logger()


class DutyDied(Exception):
    """A duty ended though nobody asked it to."""

    def __init__(self, name: str, cause: Exception | None = None) -> None:
        super().__init__(
            f"duty {name} ended by itself" if cause is None else f"duty {name} failed: {cause!r}"
        )
        self.name = name


class Stopping(Exception):
    """We were told to stop while still waiting for something; not an error."""


class Start(Protocol):
    """Begins a duty."""

    def __call__(self, name: str, duty: Coroutine[Any, Any, object], *, drains: bool = False) -> None:
        """Run `duty`; one that `drains` watches `stopping` and ends by itself, any other is cancelled then."""


class Lifecycle:
    """What a service's main is given: when to stop, how to wait, where its duties run, what its health is."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.health = Health()

    def stop(self, reason: str) -> None:
        """Begin to stop; saying it again changes nothing."""
        if not self.stopping.is_set():
            log.info("stopping", reason=reason)
            self.health.fail("stopping", reason)
            self.stopping.set()

    async def wait_for(
        self, name: str, attempt: Callable[[], Awaitable[T]], transient: tuple[type[Exception], ...]
    ) -> T:
        """
        Repeat `attempt` until it returns, unready meanwhile; raises Stopping, or at once what is not transient.

        The pause doubles from `WAIT_SECONDS_MIN` to `WAIT_SECONDS_MAX`; one attempt has `ATTEMPT_SECONDS_MAX`.
        """
        pause, told = WAIT_SECONDS_MIN, ""
        waited: tuple[type[Exception], ...] = (TimeoutError, *transient)
        self.health.fail(name, "waiting")
        while not self.stopping.is_set():
            try:
                result = await within(ATTEMPT_SECONDS_MAX, attempt())
            except waited as error:
                reason = scrub(str(error)) or type(error).__name__
            else:
                self.health.checks.pop(name, None)
                return result
            self.health.fail(name, f"waiting: {reason}")
            if reason != told:
                log.warning("waiting", needed=name, reason=reason)
                told = reason
            await self._pause(pause)
            pause = min(pause * 2, WAIT_SECONDS_MAX)
        raise Stopping

    @asynccontextmanager
    async def duties(self) -> AsyncIterator[Start]:
        """Run what the block starts until stopping; raises DutyDied (in a group) when one ends before."""
        cancelled: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:

            def start(name: str, duty: Coroutine[Any, Any, object], *, drains: bool = False) -> None:
                task = group.create_task(self._perform(name, duty), name=name)
                if not drains:
                    cancelled.append(task)

            yield start
            await self.stopping.wait()
            for task in cancelled:
                task.cancel()

    async def _perform(self, name: str, duty: Coroutine[Any, Any, object]) -> None:
        try:
            await duty
        except Exception as error:
            raise DutyDied(name, error) from error
        if not self.stopping.is_set():
            raise DutyDied(name)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return


def run_service(
    settings_class: type[S], main: Callable[[Lifecycle, S], Coroutine[Any, Any, None]], *others: type[Struct]
) -> int:
    """Live one service's whole life and return the process's exit code; `others` are settings that it reads later."""
    try:
        settings = _read_all(settings_class, others)
        check_tls(settings)
    except SettingsError as error:
        sys.stderr.write(f"orc {settings_class.SERVICE} cannot start:\n{error}\n")
        return EXIT_SETTINGS
    configure(settings_class.SERVICE, level=settings.log_level, as_json=settings.log_json)
    try:
        uvloop.run(_live(settings, main))
    except SettingsError as error:
        # Found when what a setting names was looked at.
        sys.stderr.write(f"orc {settings_class.SERVICE} cannot start:\n{error}\n")
        return EXIT_SETTINGS
    except Exception as error:
        for cause in _leaves(error):
            log.exception("died", reason=scrub(str(cause)), exc_info=cause)
        return EXIT_DIED
    log.info("stopped")
    return EXIT_CLEAN


def _read_all(settings_class: type[S], others: Sequence[type[Struct]]) -> S:
    """Read the settings; raises SettingsError with the faults of the others, too."""
    faults = dict[str, None]()
    every: list[type[Struct]] = [settings_class, *others]
    for one in every:
        try:
            read_settings(one, os.environ)
        except SettingsError as error:
            faults |= dict.fromkeys(error.faults)
    if faults:
        raise SettingsError(tuple(faults))
    return read_settings(settings_class, os.environ)


async def _live(settings: S, main: Callable[[Lifecycle, S], Coroutine[Any, Any, None]]) -> None:
    """Run main under the signals; past the drain time cancel it."""
    lifecycle = Lifecycle()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lifecycle.stop, number.name)
    work = asyncio.create_task(main(lifecycle, settings), name="main")
    told = asyncio.create_task(lifecycle.stopping.wait(), name="stopping")
    await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    _end_within(STUCK_SECONDS_MAX)
    told.cancel()
    await asyncio.wait({work}, timeout=DRAIN_SECONDS_MAX)
    if not work.done():
        log.warning("cancelled", after_seconds=DRAIN_SECONDS_MAX)
        work.cancel()
    try:
        await work
    except BaseException as error:
        # Whoever was still waiting when we were told to stop, or was cancelled since, did as it should.
        expected = all(isinstance(leaf, Stopping | asyncio.CancelledError) for leaf in _leaves(error))
        if not (lifecycle.stopping.is_set() and expected):
            raise


def _end_within(seconds: float) -> None:
    """Take the process down if it still lives then: a thread is heard even when the loop or a thread pool hangs."""

    def end() -> None:
        sys.stderr.write(f"still not stopped after {seconds} s: ending the process\n")
        sys.stderr.flush()
        os._exit(EXIT_STUCK)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _leaves(error: BaseException) -> list[BaseException]:
    """Return the single errors inside nested groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
