"""Executors killed at named points, as often as wanted at each."""

from collections.abc import Callable, Sequence

from faults.machine import Machine


def kill_at(
    machine: Machine, points: Sequence[str], each: int, ask: Callable[[], list[str]], seconds_max: float
) -> list[str]:
    """Arm the points, ask for runs, and kill whoever comes to a point until all are taken; returns the runs."""
    for name in points:
        for _ in range(each):
            machine.points.arm(name)
    accepted = ask()

    def all_taken() -> bool:
        for hit in machine.points.hits():
            victim = [name for name in machine.executors if machine.processes[name].pid == hit.executor]
            if victim:
                machine.kill(*victim)
        return len(machine.points.fallen()) == len(points) * each

    machine.until(all_taken, "somebody to be killed at every point", seconds_max)
    for name in machine.points.fallen():
        machine.history.fault(f"killed {name}")
    return accepted
