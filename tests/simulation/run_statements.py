"""The statements of the scheduler's tables, and of the executors' leases."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from simulation.tables import Row, View, seconds

_IS_OVER = {"run.attempt_failed", "run.succeeded", "run.failed", "run.cancelled", "run.started"}
LEASES, RUNS, JOBS = "executor.leases", "scheduler.open_runs", "scheduler.jobs"
SLOTS = "executor.slots"

# --- open runs and jobs -------------------------------------------------------------------------------------------


def reader(table: str) -> Callable[[View, list[Any]], list[Row]]:
    def read(view: View, keys: list[Any]) -> list[Row]:
        return [row for key in keys if (row := view.get(table, key)) is not None]

    return read


def writer(table: str, columns: tuple[str, ...], kept: frozenset[str] = frozenset()) -> Callable[..., list[Row]]:  # fmt: skip
    def put(view: View, *arrays: list[Any]) -> list[Row]:
        for values in zip(*arrays, strict=True):
            row = dict(zip(columns, values, strict=True))
            old = view.get(table, values[0])
            view.put(table, values[0], row | {name: old[name] for name in kept} if old else row)
        return []

    return put


def deleter(table: str) -> Callable[[View, list[Any]], list[Row]]:
    def delete(view: View, keys: list[Any]) -> list[Row]:
        for key in keys:
            if view.get(table, key) is not None:
                view.put(table, key, None)
        return []

    return delete


def runs_delete(view: View, ids: list[Any]) -> list[Row]:
    ended = {row["job_id"] for row in reader(RUNS)(view, ids)}
    deleter(RUNS)(view, ids)
    held = {row["job_id"] for row in view.rows(RUNS) if row["is_held"]}
    return [{"job_id": job_id} for job_id in sorted(ended & held)]


def runs_let_go(view: View, jobs: list[Any]) -> list[Row]:
    let_go = []
    for job_id in jobs:
        runs = sorted((row for row in view.rows(RUNS) if row["job_id"] == job_id), key=lambda row: row["requested_position"])  # fmt: skip
        held = [row for row in runs if row["is_held"]]
        if not held:
            continue
        earlier = min(runs.index(held[0]), held[0]["concurrency_max"])
        for place, row in enumerate(held[: held[0]["concurrency_max"] - earlier], earlier + 1):
            if place > row["concurrency_max"]:
                break
            view.put(RUNS, row["run_id"], row | {"is_held": False, "send_after": view.now, "sends": 0})
            let_go.append({"run_id": row["run_id"]})
    return let_go


def lost(view: View, lease: float, limit: int) -> list[Row]:
    def until(run: Row) -> datetime:
        held = view.get(LEASES, run["run_id"])
        if held is not None and held["attempt"] == run["attempt"]:
            return held["lease_until"]
        return run["claimed_at"] + seconds(lease)

    found = [run for run in view.rows(RUNS) if run["claimed_at"] is not None and until(run) < view.now]
    return sorted(found, key=lambda run: run["claimed_at"])[:limit]


def unclaimed(view: View, limit: int) -> list[Row]:
    found = [
        run
        for run in view.rows(RUNS)
        if run["attempt"] == 0 and run["status"] == "queued" and run["queue_until"] < view.now
    ]
    return sorted(found, key=lambda run: run["queue_until"])[:limit]


def _due(view: View) -> list[Row]:
    found = [
        run for run in view.rows(RUNS) if run["send_after"] is not None and run["send_after"] <= view.now
    ]
    return sorted(found, key=lambda run: run["send_after"])


def send_pools(view: View) -> list[Row]:
    return [{"pool": pool} for pool in dict.fromkeys(run["pool"] for run in _due(view) if run["sends"] > 0)]


def send_take(view: View, limit: int, congested: list[str], spacing: float, held_back: int) -> list[Row]:
    taken = [run for run in _due(view) if not view.is_locked(RUNS, run["run_id"])][:limit]
    answer = []
    for run in taken:
        pause = min(5.0 * 2 ** min(run["sends"], 16), spacing)
        sends = run["sends"] + 1
        view.put(RUNS, run["run_id"], run | {"sends": sends, "send_after": view.now + seconds(pause)})
        is_sent = sends == 1 or run["pool"] not in congested or sends % (held_back + 1) == 0
        answer.append(
            {"run_id": run["run_id"], "pool": run["pool"], "priority": run["priority"], "is_sent": is_sent}
        )
    return answer


def urgent_runs(view: View, pool: str, priority: int, most: int, looked_at: int) -> list[Row]:
    found = [
        run
        for run in view.rows(RUNS)
        if (run["pool"], run["status"], run["is_held"]) == (pool, "queued", False)
        and run["priority"] > priority
        and (run["sends"] > 0 or run["send_after"] <= view.now)
    ]
    found.sort(key=lambda run: (-run["priority"], run["requested_position"]))
    return [
        {"run_id": run["run_id"], "priority": run["priority"]}
        for run in found[:looked_at]
        if run["attempt"] > 0 or len(view.log._streams.get(f"run-{run['run_id']}", ())) == 1
    ][:most]


def send_again(view: View, ids: list[Any], pause: float) -> list[Row]:
    for run_id in ids:
        run = view.get(RUNS, run_id)
        if run is not None and run["send_after"] is not None:
            sends = max(run["sends"] - 1, 0)
            view.put(RUNS, run_id, run | {"sends": sends, "send_after": view.now + seconds(pause)})
    return []


def send_next(view: View) -> list[Row]:
    due = [run["send_after"] for run in view.rows(RUNS) if run["send_after"] is not None]
    due += [
        run["queue_until"]
        for run in view.rows(RUNS)
        if run["attempt"] == 0 and run["queue_until"] >= view.now
    ]
    return [{"seconds": (min(due) - view.now).total_seconds() if due else None}]


# --- leases and slots ---------------------------------------------------------------------------------------------


def _is_older(held: Row | None, attempt: int, executor: str) -> bool:
    return held is None or held["attempt"] < attempt or (held["attempt"], held["executor"]) == (attempt, executor)  # fmt: skip


def renew_leases(view: View, ids: list[Any], attempts: list[int], claims: list[int], *more: Any) -> list[Row]:
    executor, lease, holders, counts = more
    answer = []
    for run_id, attempt, claimed, holder, count in zip(ids, attempts, claims, holders, counts, strict=True):
        news = {event.type for event in view.log._streams.get(f"run-{run_id}", ())[claimed:]}
        held = view.get(LEASES, run_id)
        slots = [] if news & _IS_OVER or holder is None else _slots_of(view, holder)
        for slot in slots:
            view.put(
                SLOTS, (slot["scope"], slot["number"]), slot | {"lease_until": view.now + seconds(lease)}
            )
        is_ours = not news & _IS_OVER and _is_older(held, attempt, executor)
        if is_ours:
            until = view.now + seconds(lease)
            view.put(LEASES, run_id, {"run_id": run_id, "attempt": attempt, "executor": executor, "lease_until": until})  # fmt: skip
        answer.append(
            {
                "run_id": run_id,
                "attempt": attempt,
                "is_ours": is_ours and len(slots) == count,
                "cancel_requested": "run.cancel_requested" in news,
            }
        )
    return answer


def _slots_of(view: View, holder: Any) -> list[Row]:
    return [slot for slot in view.rows(SLOTS) if slot["holder"] == holder]


def take_slots(
    view: View, scopes: list[str], limits: list[int], holder: Any, run_id: Any, *more: Any
) -> list[Row]:
    attempt, claim_version, executor, lease = more

    def is_free(slot: Row) -> bool:
        news = {
            event.type
            for event in view.log._streams.get(f"run-{slot['run_id']}", ())[slot["claim_version"] :]
        }
        return slot["lease_until"] < view.now or slot["holder"] == holder or bool(news & _IS_OVER)

    taken = []
    for scope, most in zip(scopes, limits, strict=True):
        slots = [slot for slot in view.rows(SLOTS) if slot["scope"] == scope]
        live = {slot["number"]: slot for slot in slots if not is_free(slot)}
        for slot in slots:
            if slot["number"] not in live:
                view.put(SLOTS, (scope, slot["number"]), None)
        if any(slot["run_id"] == run_id for slot in live.values()):
            return [{"take_slots": "busy"}]
        if len(live) >= most:
            return [{"take_slots": scope}]
        taken.append((scope, min(set(range(1, most + 1)) - live.keys())))
    for scope, number in taken:
        view.put(
            SLOTS, (scope, number),
            {
                "scope": scope, "number": number, "holder": holder, "run_id": run_id, "attempt": attempt,
                "claim_version": claim_version, "executor": executor, "lease_until": view.now + seconds(lease),
            },
        )  # fmt: skip
    return [{"take_slots": "taken"}]


def end_leases(
    view: View, ids: list[Any], attempts: list[int], executor: str, holders: list[Any]
) -> list[Row]:
    for slot in [slot for holder in holders for slot in _slots_of(view, holder)]:
        view.put(SLOTS, (slot["scope"], slot["number"]), None)
    for run_id, attempt in zip(ids, attempts, strict=True):
        held = view.get(LEASES, run_id)
        if held is not None and (held["attempt"], held["executor"]) == (attempt, executor):
            view.put(LEASES, run_id, None)
    return []


def yield_leases(view: View, ids: list[Any], attempts: list[int], executor: str) -> list[Row]:
    for run_id, attempt in zip(ids, attempts, strict=True):
        if _is_older(view.get(LEASES, run_id), attempt, executor):
            view.put(LEASES, run_id, {"run_id": run_id, "attempt": attempt, "executor": executor, "lease_until": view.now})  # fmt: skip
    return []


def pools(view: View) -> list[Row]:
    return [{"pool": pool} for pool in dict.fromkeys(row["pool"] for table in (JOBS, RUNS) for row in view.rows(table))]  # fmt: skip
