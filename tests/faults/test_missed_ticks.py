"""P26: all schedulers are down for three hours of their calendar's time; what follows is what each policy says."""

from datetime import UTC, datetime, timedelta
from typing import Any

from faults.client import Client
from faults.machine import Machine
from faults.oracle_ticks import outcomes
from faults.verdict import fetch_all, require_sound

MINUTE = timedelta(minutes=1)
DOWN = timedelta(hours=3)
POLICIES: dict[str, dict[str, Any]] = {
    "default": {},
    "none": {"catch_up": {"mode": "none"}},
    "last": {"catch_up": {"mode": "last", "window_seconds": 7200}},
    "last of old": {"catch_up": {"mode": "last", "window_seconds": 0}},
    "all": {"catch_up": {"mode": "all", "window_seconds": 86_400}},
    "five": {"catch_up": {"mode": "all", "window_seconds": 86_400, "max": 5}},
    "an hour": {"catch_up": {"mode": "all", "window_seconds": 3600}},
    "deadline": {"catch_up": {"mode": "all", "window_seconds": 86_400}, "start_deadline_seconds": 600},
    "skip": {"catch_up": {"mode": "all", "window_seconds": 86_400}, "overlap": {"mode": "skip"}},
    "queue": {"catch_up": {"mode": "all", "window_seconds": 86_400}, "overlap": {"mode": "queue", "max": 4}},
    "cancel": {"catch_up": {"mode": "all", "window_seconds": 86_400}, "overlap": {"mode": "cancel_running"}},
}
EVENTS = "SELECT type, data::text AS data, recorded_at FROM log.events ORDER BY position"
BACK = "UPDATE scheduler.jobs SET next_due_at = $1, wake_at = $1 WHERE job_id::text = ANY ($2)"
KNOWN = "SELECT count(*)::int FROM scheduler.jobs WHERE job_id::text = ANY ($1)"
LATE = "SELECT count(*)::int FROM scheduler.jobs WHERE wake_at < now()"
OPEN = "SELECT count(*)::int FROM read.runs WHERE status IN ('queued', 'running')"
SECONDS_LEFT_MIN = 35
ON_TIME_SECONDS = 10


def model(said: dict[str, Any], due: list[datetime], now: datetime) -> dict[datetime, str]:
    """Say what becomes of instants that are due now."""
    catch_up, overlap = said.get("catch_up", {}), said.get("overlap", {})
    window, most = catch_up.get("window_seconds", 900), catch_up.get("max", 1000)
    became = dict.fromkeys(due, "run")
    missed = [at for at in due if (now - at).total_seconds() > ON_TIME_SECONDS]
    for at in missed:
        if (
            catch_up.get("mode") == "none"
            or (now - at).total_seconds() > window
            or (catch_up.get("mode") == "last" and at != due[-1])
        ):
            became[at] = "missed"
    for at in due:
        if became[at] == "run" and (now - at).total_seconds() > said.get("start_deadline_seconds", 1e9):
            became[at] = "deadline"
    for at in [at for at in missed if became[at] == "run"][:-most]:
        became[at] = "over-cap"
    runs = [at for at in due if became[at] == "run"]
    kept = {"skip": runs[:1], "queue": runs[: overlap.get("max", 0) + 1], "cancel_running": runs[-1:]}
    for at in set(runs) - set(kept.get(overlap.get("mode", ""), runs)):
        became[at] = "over-cap" if overlap["mode"] == "queue" else "overlap"
    return became


def test_three_hours_without_a_scheduler(machine: Machine, client: Client):
    """180 instants were missed under each policy: each has the one outcome that a model of 20 lines gives it."""
    # All of it happens within one minute, so that no instant comes meanwhile.
    machine.until(lambda: datetime.now(UTC).second < 60 - SECONDS_LEFT_MIN, "a minute with time left in it")
    inline = {"type": "inline", "rows": [{"n": 1}]}
    jobs = {
        name: client.create(name, inline, {"type": "discard"}, schedule="0 * * * * *", **said)["job_id"]
        for name, said in POLICIES.items()
    }
    ids = list(jobs.values())
    # A job that the calendar has not yet heard of has missed nothing.
    machine.until(lambda: fetch_all(machine, KNOWN, ids)[0][0] == len(ids), "all jobs in the calendar")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    machine.kill(*machine.schedulers, stay_down=True)
    fetch_all(machine, BACK, now - DOWN, ids)
    for name in machine.schedulers:
        machine.begin(name)
    machine.until(lambda: fetch_all(machine, LATE)[0][0] == 0, "what was missed to be accounted for")
    assert datetime.now(UTC) < now + MINUTE, "INVALID run, not a failed one: it took longer than a minute"
    for job_id in jobs.values():
        client.insist(f"/jobs/{job_id}/pause")
    found = outcomes(fetch_all(machine, EVENTS))
    due = [now - DOWN + n * MINUTE for n in range(181)]
    for name, job_id in jobs.items():
        became = {at: [what for what, _ in events] for at, events in found[job_id].items()}
        decided_at = min(at for events in found[job_id].values() for _, at in events)
        assert became == {at: [what] for at, what in model(POLICIES[name], due, decided_at).items()}, name
    machine.until(lambda: fetch_all(machine, OPEN)[0][0] == 0, "runs to end")
    machine.history.require(kill_scheduler=2)
    require_sound(machine)
