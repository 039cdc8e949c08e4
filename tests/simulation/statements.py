"""
The SQL statements of the simulated parts, each said again in Python.

They are found by the statement's own text, so that a part asks with exactly what it asks Postgres. A model looks and
says what it would write; `Database` decides when that happens, and makes it wait where a row is locked. One that is
missing here fails the seed with the statement's text.
"""

from collections.abc import Callable
from typing import Any

from simulation.log_statements import (
    append,
    checkpoint_move,
    checkpoint_position,
    checkpoint_release,
    checkpoint_take,
    command,
    head,
    read_after,
    read_streams,
)  # fmt: skip
from simulation.run_statements import (
    JOBS,
    RUNS,
    deleter,
    end_leases,
    lost,
    pools,
    reader,
    renew_leases,
    runs_delete,
    runs_let_go,
    send_again,
    send_next,
    send_pools,
    send_take,
    take_slots,
    unclaimed,
    urgent_runs,
    writer,
    yield_leases,
)  # fmt: skip
from simulation.tables import Row, View

from orc_domain.zones import TZDATA
from orc_events.batch import arguments
from orc_events.statements import load

_RUN_COLUMNS = (
    "run_id", "job_id", "pool", "status", "attempt", "cancel_requested", "requested_position", "requested_at",
    "queue_until", "claimed_at", "send_after", "sends", "concurrency_max", "is_held", "priority",
)  # fmt: skip
_JOB_COLUMNS = (
    "job_id", "version", "pool", "timing", "is_active", "next_due_at", "passing", "failures_max", "failures",
    "failed_run_id", "wake_at",
)  # fmt: skip

# --- the reader's table, of the simulation itself ------------------------------------------------------------------

FOLDS_READ, FOLDS_PUT = "SELECT the folds of these streams", "UPSERT folds of these streams"


def folds_read(view: View, streams: list[str]) -> list[Row]:
    return [{"stream": name, "fold": view.get("reader.folds", name)} for name in streams]


def folds_put(view: View, folds: dict[str, Row]) -> list[Row]:
    for name, fold in folds.items():
        view.put("reader.folds", name, fold)
    return []


_SCHEDULER: dict[str, Callable[..., Any]] = {
    "runs_read": reader(RUNS),
    "runs_put": writer(RUNS, _RUN_COLUMNS, frozenset({"job_id", "pool", "requested_position", "requested_at", "queue_until", "concurrency_max", "priority"})),
    "runs_delete": runs_delete,
    "runs_let_go": runs_let_go,
    "runs_count": lambda view, job_id: [{"n": sum(run["job_id"] == job_id for run in view.rows(RUNS))}],
    "jobs_read": lambda view, ids: [{k: v for k, v in row.items() if k != "wake_at"} for row in reader(JOBS)(view, ids)],
    "jobs_put": writer(JOBS, _JOB_COLUMNS),
    # No job of the simulation is paused for its failures.
    "jobs_failed": lambda _view, *_counts: [],
    "tz_release_lock": lambda _view: [{"name": TZDATA}],
    "backfill_runs_of": lambda _view, _ids: [],
    "jobs_broken": lambda _view, _limit: [],
    "jobs_delete": deleter(JOBS),
    "lost": lost,
    "unclaimed": unclaimed,
    "send_pools": send_pools,
    "send_take": send_take,
    "send_again": send_again,
    "send_next": send_next,
    "pools": pools,
    "oldest_needed": lambda view: [{"min": min((run["requested_position"] for run in view.rows(RUNS)), default=None)}],
    # No job of the simulation has a schedule, so nothing is ever due.
    "due_next": lambda view: [{"wake_at": None, "now": view.now}],
    "due_lock": lambda _view, _limit: [],
    # Nor is there a backfill.
    "backfills_of_runs": lambda _view, _run_ids: [],
    "backfills_count": lambda _view, _job_id: [{"count": 0}],
    "backfill_take": lambda _view, _seen: [],
    "ensure_partitions": lambda _view: [{"made": 0}],
}  # fmt: skip

MODELS: dict[str, Callable[..., Any]] = {
    **{load("orc_scheduler", name): model for name, model in _SCHEDULER.items()},
    **{
        load("orc_executor", model.__name__, "queries"): model
        for model in (take_slots, renew_leases, end_leases, yield_leases, urgent_runs)
    },
    **{
        load("orc_events", model.__name__): model
        for model in (
            append, read_after, read_streams, head, command,
            checkpoint_take, checkpoint_move, checkpoint_release, checkpoint_position,
        )
    },
    FOLDS_READ: folds_read,
    FOLDS_PUT: folds_put,
}  # fmt: skip

assert arguments([]) == ([],) * 13, "`append` takes its arrays apart"
