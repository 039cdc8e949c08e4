"""Wishes: what the callers of a seed ask for, when, and what they were told."""

from typing import Any
from uuid import UUID

from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.wire import WireCancelRun, WireCommand, WireCreateJob, WireRequestRun, WireRetryRun

ASKING_SECONDS = 10.0
"""Wishes come within so many seconds."""


class Wish:
    """One wish, asked under one key until it is answered."""

    def __init__(
        self, kind: str, key: str, at: float, about: "Wish | None", *, tasks: int, patience: float
    ) -> None:
        self.kind, self.key, self.at, self.about = kind, key, at, about
        self.tasks, self.patience_seconds = tasks, patience
        self.outcome: tuple[str, Any, int] | None = None
        """`done` with body and position, `refused` with the code, or `given up`; None until one of them came."""
        self.asks_once = False
        """Whether its caller takes the first 503 for an answer; what JetStream has of it is handled all the same."""

    def command(self) -> WireCommand | None:
        """Return the command; None while it is not known yet what it is about."""
        if self.about is None:
            return WireCreateJob(spec=_spec(self.key, self.tasks))
        if self.about.outcome is None or self.about.outcome[0] != "done":
            return None
        body = self.about.outcome[1]
        match self.kind:
            case "request":
                return WireRequestRun(job_id=UUID(body["job_id"]))
            case "cancel":
                return WireCancelRun(run_id=UUID(body["run_id"]))
        return WireRetryRun(run_id=UUID(body["run_id"]))

    def answer(self, outcome: tuple[str, Any, int]) -> None:
        """Take the answer, unless another caller with the same key had it before."""
        if self.outcome is None:
            if self.kind == "retry" and outcome[:2] == ("refused", "run-not-retryable"):
                # The run has not ended yet, or well; one that never fails is never retried.
                self.tries = getattr(self, "tries", 0) + 1
                if self.tries < RETRIES_MAX:
                    return
            self.outcome = outcome


RETRIES_MAX = 3


def plan(chance: Any) -> list[Wish]:
    """Draw a seed's wishes: a job or two, a few runs, some of them cancelled or run again."""
    random, wishes = chance.random, []

    def wish(kind: str, about: Wish | None, at: float) -> Wish:
        wishes.append(
            Wish(
                kind,
                f"{kind}-{len(wishes)}",
                at,
                about,
                tasks=random.randint(1, 3),
                patience=random.choice((0.05, 1.0)),
            )
        )
        return wishes[-1]

    for _ in range(random.randint(1, 2)):
        job = wish("create", None, 0.0)
        for _ in range(random.randint(1, 2)):
            at = random.random() * ASKING_SECONDS
            run = wish("request", job, at)
            if random.random() < 0.35:
                wish("cancel", run, at + random.random() * 6)
            if random.random() < 0.25:
                wish("retry", run, at + random.random() * 15)
    for _ in range(random.randint(0, 3)):
        wish("create", None, random.random() * ASKING_SECONDS).asks_once = True
    return wishes


def _spec(name: str, tasks: int) -> JobSpec:
    return JobSpec(
        job_name=name,
        schedule="@manual",
        # Of a third of the jobs one run at a time, without another draw of the seed's.
        concurrency_max=1 if tasks == 2 else None,
        # Likewise of each number of tasks another priority.
        priority=(0, 10, -10)[tasks - 1],
        tasks=tuple(
            TaskSpec(
                {"type": "inline", "rows": [{"n": order}]},
                {
                    "type": "duckdb",
                    "db_path": "shared.duckdb",
                    "table_name": "t",
                    "write_disposition": "append",
                },
            )
            for order in range(tasks)
        ),
    )
