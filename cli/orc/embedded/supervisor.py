"""
Keep processes running: start, wait for the end, start again.

    keep      prepare → spawn → write the pid → wait for its end → say so → pause → again
    stop      ask all, wait, insist

A process that lives `STEADY_SECONDS` has earned a first pause again; one that keeps dying is started ever more
rarely, but never given up: what it waits for may come back without us.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from orc.embedded.errors import StartFailed
from orc.embedded.home import Home
from orc.embedded.program import STOP_SECONDS_MAX, Program, spawn

PAUSE_SECONDS_FIRST = 0.1
PAUSE_SECONDS_MAX = 5.0
STEADY_SECONDS = 10.0
MISCONFIGURED = 2
"""How our services end when they cannot accept their settings; starting them again would change nothing."""
DEATHS_MAX_AT_START = 5
READY_SECONDS_MAX = 120.0
READY_POLL_SECONDS = 0.05


class Child:
    """One supervised process, through all its lives."""

    def __init__(
        self,
        name: str,
        program: Callable[[], Program],
        *,
        prepare: Callable[[], None] | None = None,
        ready: Callable[[int], bool],
    ) -> None:
        """`prepare` comes before every start; `ready` is asked, with the pid, whether it does its work."""
        self.name = name
        self.program = program
        self.prepare = prepare
        self.ready = ready
        self.process: subprocess.Popen[bytes] | None = None
        self.running: Program | None = None
        self.deaths = 0
        self.was_ready = False


class Supervisor:
    """Children of one home; to be made and used inside a running loop, in the main thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stopping = False
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._wake)

    async def keep(self, child: Child) -> None:
        """Run a child, again and again, until it is stopped; raises StartFailed when it never comes up."""
        pause = PAUSE_SECONDS_FIRST
        while not self._stopping:
            began = time.monotonic()
            how = await self._live(child)
            if self._stopping:
                return
            pause = PAUSE_SECONDS_FIRST if time.monotonic() - began > STEADY_SECONDS else pause
            say(f"{child.name} {how}, starting it again in {pause:.1f} s ({self._home.log(child.name)})")
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def _live(self, child: Child) -> str:
        """Start a child and return how it ended; raises StartFailed when starting it again is of no use."""
        try:
            await self._start(child)
        except OSError as error:
            # A disk that is full may have room again; at the first start a person should hear of it.
            if not child.was_ready:
                raise
            return f"could not be started: {error}"
        code = await self._end_of(child)
        child.deaths += 1
        hopeless = child.deaths >= DEATHS_MAX_AT_START or code == MISCONFIGURED
        if hopeless and not child.was_ready and not self._stopping:
            raise self._failed(child, _how(code))
        return _how(code)

    async def until_ready(self, child: Child) -> None:
        """Wait until a child does its work; raises StartFailed when it takes too long."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            process = child.process
            if process is not None and await asyncio.to_thread(child.ready, process.pid):
                child.was_ready = True
                return
            if time.monotonic() > deadline:
                raise self._failed(child, "is not ready")
            await asyncio.sleep(READY_POLL_SECONDS)

    async def stop(self, children: list[Child]) -> None:
        """End these children, all at once; none is started again."""
        self._stopping = True
        await asyncio.gather(*(self._stop(child) for child in children))

    async def _start(self, child: Child) -> None:
        if child.prepare is not None:
            await asyncio.to_thread(child.prepare)
        if self._stopping:
            return
        # In this thread: the kernel ties a child's end to the thread that started it.
        child.running = child.program()
        self._home.begin_log(child.name)
        child.process = spawn(child.running, self._home.log(child.name))
        self._home.write_pid(child.name, child.process.pid)

    async def _end_of(self, child: Child) -> int:
        while child.process is not None and child.process.poll() is None:
            changed = self._changed
            await changed.wait()
        self._home.remove_pid(child.name)
        return 0 if child.process is None else child.process.returncode

    async def _stop(self, child: Child) -> None:
        if child.process is None or child.running is None or child.process.poll() is not None:
            return
        child.process.send_signal(child.running.stop_signal)
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self._end_of(child)
        except TimeoutError:
            say(f"{child.name} did not stop within {STOP_SECONDS_MAX:.0f} s, killing it")
            child.process.kill()
            await self._end_of(child)

    def _failed(self, child: Child, how: str) -> StartFailed:
        return StartFailed(
            f"{child.name} {how}", self._home.log(child.name), self._home.last_words(child.name)
        )

    def _wake(self) -> None:
        # Each waiter holds the event it waits for, so none can miss it and none has to reset it.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def say(line: str) -> None:
    """Tell the person at the console; stdout belongs to the ready line."""
    print(f"orc: {line}", file=sys.stderr, flush=True)


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
