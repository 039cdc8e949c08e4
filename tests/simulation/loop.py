"""
An event loop in which nothing is left to chance: virtual time, several processes, one seed.

Each `Process` is one operating system process: its callbacks run in the order in which they became ready, as asyncio
runs them, while the loop chooses by the seed whose turn it is. So every interleaving of the processes can happen, and
none that asyncio rules out. A process is told by the context that its tasks were created in. One that is killed simply
never runs again: no `finally` of its is entered. One that is paused keeps what becomes ready for when it is resumed.

Time moves when nobody is ready, to the next timer, and by a few microseconds with every callback.
"""

import asyncio
import gc
import heapq
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any

STEP_SECONDS = 20e-6
STEPS_MAX = 400_000
"""Callbacks of one seed; more are a livelock."""

PROCESS: ContextVar["Process"] = ContextVar("process")


class Livelock(Exception):
    """The processes kept one another busy without time moving on."""


class Handle:
    """A callback to come; what asyncio calls a TimerHandle."""

    __slots__ = ("_cancelled", "_when", "args", "callback", "context", "process")

    def __init__(self, callback, args, context, when):
        self.callback, self.args, self.context, self._when = callback, args, context, when
        self.process = context[PROCESS]
        self._cancelled = False

    def cancel(self):
        self._cancelled = True
        self.callback = self.args = None

    def cancelled(self):
        return self._cancelled

    def when(self):
        return self._when


class NumberedTask(asyncio.Task):
    """A task whose place in a set does not depend on its address."""

    def __init__(self, coro, *, loop, name, context):
        # Counted anew in each loop: what ran before in this interpreter is no part of a seed.
        self.number = next(loop.task_numbers)
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self):
        return self.number


class Process:
    """What can be paused and killed as a whole."""

    def __init__(self, loop: "SimulatedLoop", name: str) -> None:
        self.loop, self.name = loop, name
        self.ready: deque[Handle] = deque()
        self.is_dead = self.is_paused = False
        self.context: Context = copy_context()
        self.context.run(PROCESS.set, self)
        self.on_end: list[Callable[[], None]] = []
        """Called once it is killed or over, by whoever sees its end."""

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task:
        """Begin a task of this process."""
        # A copy, since a callback of this very process may ask.
        return self.context.copy().run(self.loop.create_task, work)

    def soon(self, callback: Callable[..., Any], *args: Any) -> Handle:
        """Have this process call something."""
        return self.loop.call_soon(callback, *args, context=self.context)

    def later(self, seconds: float, callback: Callable[..., Any], *args: Any) -> Handle:
        """Have this process call something after a while."""
        return self.loop.call_later(seconds, callback, *args, context=self.context)

    def kill(self) -> None:
        """End it here and now."""
        if self.is_dead:
            return
        self.is_dead = True
        self.ready.clear()
        self.loop.forget(self)
        for told in self.on_end:
            told()

    def pause(self) -> None:
        """Stop it as SIGSTOP does."""
        self.is_paused = True
        self.loop.forget(self)

    def resume(self) -> None:
        """Let it go on."""
        if self.is_paused and not self.is_dead:
            self.is_paused = False
            if self.ready:
                self.loop.runnable.append(self)


class SimulatedLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as asyncio's own classes ask for; no sockets, no threads."""

    def __init__(self, random: Random) -> None:
        self.now = 0.0
        self.steps = 0
        self.runnable: list[Process] = []
        self.after_step: Callable[[Process], None] = lambda _process: None
        self.faults: list[str] = []
        """Exceptions that nobody caught."""
        self.is_over = False
        self._random = random.random
        self._timers: list[tuple[float, int, Handle]] = []
        self._numbers = count()
        self.task_numbers = count()
        self._tasks: list[asyncio.Task] = []

    # --- asyncio's side ---------------------------------------------------------------------------------------

    def time(self):
        return self.now

    def get_debug(self):
        return False

    def is_running(self):
        return True

    def is_closed(self):
        return False

    def create_future(self):
        return asyncio.Future(loop=self)

    def create_task(self, coro, *, name=None, context=None):
        task = NumberedTask(coro, loop=self, name=name, context=context)
        # Held on to, so that what is killed is not collected: that would run its `finally` blocks.
        self._tasks.append(task)
        return task

    def call_soon(self, callback, *args, context=None):
        handle = Handle(callback, args, context if context is not None else copy_context(), 0.0)
        self._make_ready(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        handle = Handle(callback, args, context if context is not None else copy_context(), when)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_exception_handler(self, context):
        if "never retrieved" not in context["message"] and "was destroyed" not in context["message"]:
            self.faults.append(f"{context['message']}: {context.get('exception')!r}")

    # --- the simulation's side --------------------------------------------------------------------------------

    def forget(self, process: Process) -> None:
        """Give a process no more turns."""
        if process in self.runnable:
            self.runnable.remove(process)

    def run(self) -> None:
        """Give turns until somebody says that it is over; raises Livelock."""
        timers, runnable, random = self._timers, self.runnable, self._random
        pop = heapq.heappop
        events._set_running_loop(self)
        try:
            while not self.is_over:
                while timers and timers[0][0] <= self.now:
                    handle = pop(timers)[2]
                    if not handle._cancelled:
                        self._make_ready(handle)
                if not runnable:
                    if not timers:
                        return
                    self.now = timers[0][0]
                    continue
                place = int(random() * len(runnable))
                process = runnable[place]
                handle = process.ready.popleft()
                if not process.ready:
                    runnable[place] = runnable[-1]
                    runnable.pop()
                if not handle._cancelled:
                    self._call(handle, process)
        finally:
            events._set_running_loop(None)

    def close(self) -> None:
        """Let go of every task, as if all processes ended; what their `finally` blocks do reaches nobody."""
        self.runnable.clear()
        self._timers.clear()
        self._make_ready = lambda _handle: None
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        events._set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    _end(task.get_coro())
            self._tasks.clear()
            gc.collect()
        finally:
            events._set_running_loop(None)
            sys.unraisablehook = hook

    def _call(self, handle: Handle, process: Process) -> None:
        try:
            handle.context.run(handle.callback, *handle.args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - told as what it is: a fault of the code under test
            self.faults.append(f"{process.name}: {error!r}")
        self.steps += 1
        self.now += STEP_SECONDS
        self.after_step(process)
        if self.steps > STEPS_MAX:
            raise Livelock(f"{STEPS_MAX} callbacks, and the time is {self.now:.3f}")

    def _make_ready(self, handle: Handle) -> None:
        process = handle.process
        if process.is_dead:
            return
        process.ready.append(handle)
        if len(process.ready) == 1 and not process.is_paused:
            self.runnable.append(process)


def _end(coroutine: Any) -> None:
    for _ in range(3):
        try:
            coroutine.close()
        except BaseException:  # noqa: BLE001 - a `finally` that awaits; it is asked again
            continue
        return
