"""A schedule on the whole stack: what it fired is in the ledger, why is told, and all of it follows from the log."""

from datetime import UTC, datetime, timedelta

from support.rest import task, until

INLINE = task({"type": "inline", "rows": [{"n": 1}]})


def test_ticks_of_a_schedule(rest):
    """An instant that came is in the ledger as the run it became, and the sentence about it ends with how that ended."""
    job = rest.create_job("every second", INLINE, schedule="* * * * * *")
    path = f"/jobs/{job['job_id']}"
    assert len(job["next_due_at"]) == 5
    until(lambda: rest.get(f"{path}/ticks") or None, "a tick")
    paused = rest.http.post(f"{path}/pause", json={"reason": "seen enough"}).json()
    assert (paused["is_active"], paused["pause_reason"], paused["next_due_at"]) == (False, "seen enough", [])
    tick = rest.get(f"{path}/ticks")[-1]
    run = rest.finished({"run_id": tick["run_id"]})
    assert (tick["outcome"], tick["due_at"], run["status"]) == ("requested", run["due_at"], "success")
    why = rest.get(f"{path}/why", at=tick["due_at"])
    assert (why["outcome"], why["run_id"], why["due_at"]) == ("requested", run["run_id"], tick["due_at"])
    assert f"run {run['run_id']} was requested for it at" in why["sentence"]
    assert why["positions"] == [
        event["position"] for event in rest.trail(run) if event["type"].startswith("run.")
    ]
    to_come = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0).isoformat()
    assert "saying “seen enough”" in rest.get(f"{path}/why", at=to_come)["sentence"]
