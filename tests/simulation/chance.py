"""
Chance: all that a seed decides, from how long a letter takes to what breaks.

A seed draws its own mixture (which faults, how often), so that some seeds are nearly quiet and some are hell; what is
rare in all together is common in some. `calm` ends every fault; the time things take stays.
"""

from random import Random
from typing import Any

from orc_domain.retry import Policy

FAULTS = (
    "crash", "stop", "pause", "pause with workers", "cut", "kill worker", "pause worker",
    "broker down", "broker erased", "streams erased", "broker restored", "redeliver", "database down",
)  # fmt: skip
WORKER_FAULTS = (
    "killed",
    "paused",
    "paused with its executor",
    "executor crashes",
    "stuck, its executor crashes",
)

ZOMBIES = ("paused with its executor", "stuck, its executor crashes")
ZOMBIES_SHARE = 0.25


class Chance:
    """Draws; `random` is the seed's own generator."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.is_calm = False
        draw = random.random
        self.faults = [kind for kind in FAULTS if draw() < 0.45] or ["crash"]
        self.seconds_between_faults = random.choice((0.0, 1.0, 4.0))
        self.steps_between_faults = random.choice((60, 300, 1_000))
        self.faults_max = random.randint(1, 12)
        self.worker_rate = random.choice((0.0, 0.05, 0.2))
        self.drop = random.choice((0.0, 0.0, 0.01, 0.05))
        self.twice = random.choice((0.0, 0.02, 0.2))
        self.slow = random.choice((0.0, 0.02, 0.1))
        self.slow_seconds = random.choice((0.05, 1.0, 4.0))
        self.lost = random.choice((0.0, 0.0, 0.01, 0.04))
        self.unanswered = random.choice((0.0, 0.01, 0.05))
        self.unavailable = random.choice((0.0, 0.1, 0.4))
        self.malformed = random.choice((0.0, 0.0, 0.1))
        self.long = random.choice((0.0, 0.1, 0.4))
        self.skew_seconds = random.choice((0.0, 0.0, 0.5, 3.0))
        self.worker_faults = WORKER_FAULTS
        self.losses_max = (1, 2, 20)
        if draw() < ZOMBIES_SHARE:
            # Little else happens here than that attempts sleep through their leases.
            self.worker_faults, self.worker_rate = ZOMBIES, 0.4
            self.faults, self.drop, self.lost, self.unanswered = ["pause with workers"], 0.0, 0.0, 0.0
            self.long, self.losses_max = 0.5, (1, 1, 20)

    # --- the plan ---------------------------------------------------------------------------------------------

    def policy(self) -> Policy:
        """Return the limits of this seed's runs."""
        choose = self.random.choice
        return Policy(
            attempts_max=choose((1, 2, 3)),
            losses_max=choose(self.losses_max),
            first_delay_seconds=choose((0.1, 2.0)),
            delay_max_seconds=5.0,
            queue_timeout_seconds=choose((86_400.0, 86_400.0, 6.0)),
            run_timeout_seconds=choose((86_400.0, 86_400.0, 20.0)),
            task_timeout_seconds=choose((600.0, 600.0, 4.0)),
        )

    def calm(self) -> None:
        """Let nothing fail from now on."""
        self.is_calm = True

    def pick(self, things: Any) -> Any:
        """Return one of them."""
        things = list(things)
        return things[int(self.random.random() * len(things))]

    # --- how long things take ---------------------------------------------------------------------------------

    def latency(self) -> float:
        """Return how long a letter or a statement travels."""
        drawn = self.random.random()
        if drawn < 0.6:
            return 0.0
        if self.is_calm or drawn > self.slow:
            return drawn * 0.002
        return self.random.random() * self.slow_seconds

    def pipe_seconds(self) -> float:
        """Return how long a frame is on its way."""
        return 0.0 if self.random.random() < 0.6 else self.random.random() * 0.002

    def disk_seconds(self) -> float:
        """Return how long a step of a load takes."""
        return 0.0 if self.random.random() < 0.5 else self.random.random() * 0.02

    def kill_seconds(self) -> float:
        """Return how long a process outlives its SIGKILL: deep in the kernel it finishes what it is at."""
        return 0.0 if self.random.random() < 0.7 else self.random.random() * 1.5

    def half_open_seconds(self) -> float:
        """Return how long a server takes to see that a client is gone."""
        return 0.0 if self.random.random() < 0.6 else self.random.random() * 12.0

    def batches(self) -> list[float]:
        """Return the seconds of each batch that a source yields."""
        draw = self.random.random
        seconds = draw() * 4.0 if not self.is_calm and draw() < self.long else draw() * 0.05
        return [seconds] * int(draw() * 4)

    # --- what fails -------------------------------------------------------------------------------------------

    def copies(self, subject: str) -> int:
        """Return how often a letter arrives; JetStream's own numbering is not meddled with."""
        if self.is_calm:
            return 1
        drawn = self.random.random()
        if drawn < self.drop:
            return 0
        return 2 if drawn < self.drop + self.twice and subject.startswith(("orc.c", "orc.w", "orc.p")) else 1

    def statement(self) -> tuple[str, float, float]:
        """Return what becomes of a statement, and its time there and back."""
        there, back = self.latency(), self.latency()
        if self.is_calm:
            return "answered", there, back
        drawn = self.random.random()
        if drawn < self.lost:
            return "lost", there, back
        return "unanswered" if drawn < self.lost + self.unanswered else "answered", there, back

    def source(self) -> str:
        """Return what a source answers."""
        drawn = self.random.random()
        if self.is_calm or drawn > self.unavailable + self.malformed:
            return "rows"
        return "unavailable" if drawn < self.unavailable else "malformed"

    def refuses_to_start(self) -> bool:
        """Say whether a worker does not start."""
        return not self.is_calm and self.random.random() < 0.02

    def skew(self) -> float:
        """Return how wrong a machine's clock is."""
        return (self.random.random() * 2 - 1) * self.skew_seconds
