"""A process waits for what it needs, ends when told to, and says with its code how it ended."""

import asyncio
import signal
import subprocess
import sys
import textwrap

import pytest

from orc_runtime import lifecycle as lifecycle_module
from orc_runtime.health import Readiness
from orc_runtime.lifecycle import DutyDied, Lifecycle, Stopping

REACHABLE = {"ORC_DATABASE_URL": "postgresql://u:hush@h/d", "ORC_NATS_URL": "nats://h"}

HEAD = """
import asyncio, sys
from typing import ClassVar
from orc_runtime import lifecycle as module
from orc_runtime.lifecycle import run_service
from orc_runtime.settings import ServiceSettings

class Sample(ServiceSettings, frozen=True, kw_only=True):
    SERVICE: ClassVar[str] = "sample"

def say(word): print(word, flush=True)
"""
TAIL = "\nsys.exit(run_service(Sample, main))\n"


def start(body: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + textwrap.dedent(body) + TAIL],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_bad_settings():
    """A process with bad settings says all of it at once and ends with its own code."""
    process = start("async def main(lifecycle, settings): pass", {"ORC_LOG_LEVEL": "loud"})
    _, errors = process.communicate()

    assert process.returncode == 2
    assert [line.partition(" ")[0] for line in errors.splitlines()] == [
        "orc",
        "ORC_SAMPLE_DATABASE_URL",
        "ORC_NATS_SAMPLE_URL",
        "ORC_LOG_LEVEL:",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(number):
    """On a signal duties are cancelled, resources close in order, and the code is 0."""
    process = start(
        """
        async def main(lifecycle, settings):
            async with lifecycle.duties() as start:
                async def watch():
                    try: await asyncio.Event().wait()
                    finally: say("watch ended")
                async def drain():
                    await lifecycle.stopping.wait()
                    say("drained")
                start("watch", watch()); start("drain", drain(), drains=True)
                await asyncio.sleep(0)
                say("up")
            say("closed")
        """,
        REACHABLE,
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    output, _ = process.communicate()

    assert (process.returncode, sorted(output.split("\n")[:2]), output.split("\n")[2]) == (
        0,
        ["drained", "watch ended"],
        "closed",
    )


def test_stop_while_waiting():
    """A process that still waits for its database stops cleanly too."""
    process = start(
        """
        async def main(lifecycle, settings):
            async def attempt():
                say("tried")
                raise OSError("postgresql://u:hush@h/d is away")
            async with asyncio.TaskGroup():
                await lifecycle.wait_for("postgres", attempt, (OSError,))
        """,
        REACHABLE,
    )
    assert process.stdout.readline() == "tried\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()

    assert process.returncode == 0
    assert "is away" in errors
    assert "hush" not in errors


@pytest.mark.parametrize(
    ("duty", "reason"),
    [("raise ValueError('nats://u:hush@h broke')", "nats://u:***@h broke"), ("return", "ended by itself")],
)
def test_duty_dies(duty, reason):
    """A duty that ends unasked ends the process with a code and a line that says which and why."""
    process = start(
        f"""
        async def main(lifecycle, settings):
            async def relay():
                {duty}
            async def other():
                try: await asyncio.Event().wait()
                finally: say("other ended")
            async with lifecycle.duties() as start:
                start("other", other()); start("relay", relay())
        """,
        REACHABLE,
    )
    output, errors = process.communicate()

    assert (process.returncode, output) == (1, "other ended\n")
    assert reason in errors
    assert "duty relay" in errors
    assert "hush" not in errors


def test_stuck_end():
    """Whatever hangs at the end, a thread or a swallowed cancellation, the process is gone in bounded time."""
    process = start(
        """
        import time
        module.DRAIN_SECONDS_MAX, module.STUCK_SECONDS_MAX = 0.05, 0.2
        async def main(lifecycle, settings):
            say("up")
            await lifecycle.stopping.wait()
            while True:
                try: await asyncio.to_thread(time.sleep, 3600)
                except asyncio.CancelledError: say("swallowed")
        """,
        REACHABLE,
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate()

    assert (process.returncode, output) == (3, "swallowed\n")
    assert "still not stopped" in errors


async def test_wait_until_it_works(monkeypatch):
    """Waiting repeats what is transient, shows it in the health, and returns the result."""
    monkeypatch.setattr(lifecycle_module, "WAIT_SECONDS_MIN", 0.0)
    lifecycle = Lifecycle()
    lifecycle.health.started()
    seen: list[Readiness] = []

    async def attempt() -> str:
        seen.append(await lifecycle.health.readiness())
        if len(seen) < 3:
            raise ConnectionRefusedError("nobody there")
        return "connected"

    assert await lifecycle.wait_for("postgres", attempt, (OSError,)) == "connected"
    assert [readiness.checks for readiness in seen] == [
        {"postgres": "waiting"},
        {"postgres": "waiting: nobody there"},
        {"postgres": "waiting: nobody there"},
    ]
    assert await lifecycle.health.readiness() == Readiness(ready=True, checks={})


async def test_hanging_attempt(monkeypatch):
    """An attempt that hangs is given up and repeated."""
    monkeypatch.setattr(lifecycle_module, "ATTEMPT_SECONDS_MAX", 0.01)
    monkeypatch.setattr(lifecycle_module, "WAIT_SECONDS_MIN", 0.0)
    attempts = 0

    async def attempt() -> int:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await asyncio.Event().wait()
        return attempts

    assert await Lifecycle().wait_for("nats", attempt, ()) == 2


async def test_not_transient():
    """An error that waiting cannot mend is raised at once."""

    async def attempt() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await Lifecycle().wait_for("postgres", attempt, (OSError,))


async def test_stopped_before_waiting():
    """Whoever waits after the signal does not try any more."""
    lifecycle = Lifecycle()
    lifecycle.stop("SIGTERM")

    async def attempt() -> None:
        raise AssertionError

    with pytest.raises(Stopping):
        await lifecycle.wait_for("postgres", attempt, (OSError,))
    assert (await lifecycle.health.readiness()).checks["stopping"] == "SIGTERM"


async def test_duty_error_keeps_its_cause():
    """The group holds the duty's name and the error it died of."""

    async def relay() -> None:
        raise OSError("gone")

    with pytest.RaisesGroup(pytest.RaisesExc(DutyDied, match="duty relay failed: OSError")) as caught:
        async with Lifecycle().duties() as start:
            start("relay", relay())

    assert isinstance(caught.value.exceptions[0].__cause__, OSError)
