"""P25: a scheduler paused or cut off over its ticks, and coming back, fires nothing twice."""

from faults.client import Client
from faults.machine import Machine
from faults.verdict import fetch_all, require_sound

TICKS = """
    SELECT coalesce(data->>'job_id', stream) AS job, data->>'due_at' AS due_at, count(*) AS events,
           bool_and(recorded_at >= (data->>'due_at')::timestamptz) AS in_time
    FROM log.events
    WHERE (type = 'run.requested' AND data->>'due_at' IS NOT NULL) OR type = 'tick.skipped'
    GROUP BY 1, 2 ORDER BY 2
"""
FIRED = "SELECT count(*) FROM log.events WHERE type = 'run.requested' AND data->>'due_at' IS NOT NULL"


def test_schedulers_paused_and_cut_off_over_their_ticks(machine: Machine, client: Client):
    """Each scheduler in turn sleeps over ticks, then is cut off over some: no instant fires twice, none early."""
    inline = {"type": "inline", "rows": [{"n": 1}]}
    jobs = [client.create(f"tick {n}", inline, {"type": "discard"}, schedule="* * * * * *") for n in range(3)]

    def fired_more(than: int) -> bool:
        return fetch_all(machine, FIRED)[0][0] > than

    for name in machine.schedulers:
        for seconds in (1, 4, 8):
            before = fetch_all(machine, FIRED)[0][0]
            pid = machine.processes[name].pid
            machine.pause(pid, "scheduler")
            machine.rest(seconds)
            machine.resume(pid)
            machine.until(lambda before=before: fired_more(before), "ticks to go on")
        with machine.wires("postgres", "half-open", (name,)):
            before = fetch_all(machine, FIRED)[0][0]
            machine.rest(6)
            machine.until(lambda before=before: fired_more(before), "the other scheduler to tick")
    for job in jobs:
        client.http.post(f"/jobs/{job['job_id']}/pause")
    machine.history.require(pause_scheduler=6, **{"half-open postgres": 2})
    machine.until(
        lambda: (
            fetch_all(machine, "SELECT count(*) FROM read.runs WHERE status IN ('queued', 'running')")[0][0]
            == 0
        ),
        "runs to end",
    )
    ticks = fetch_all(machine, TICKS)
    assert [tick for tick in ticks if tick["events"] > 1 or not tick["in_time"]] == []
    assert len(ticks) > 60
    require_sound(machine)
