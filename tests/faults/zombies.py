"""Pausing an executor with its worker, past its lease."""

from faults.client import Client
from faults.machine import Machine
from faults.points import Hit


def freeze(machine: Machine, hit: Hit) -> None:
    """Stop a worker at its point, and its executor."""
    machine.pause(hit.executor, "executor")
    machine.pause(hit.pid, "worker")


def thaw(machine: Machine, hit: Hit) -> None:
    """Let both go on, from the point."""
    machine.points.release(hit)
    machine.resume(hit.pid)
    machine.resume(hit.executor)


def wait_second_attempt(machine: Machine, client: Client, run: str) -> None:
    """Wait until another executor claimed the run."""
    machine.until(lambda: client.trail(run).count("run.started") >= 2, "a second attempt")
