"""Jobs with a limit on the whole stack: runs take turns, and nobody else waits for them."""

from support.rest import task, until

ROWS = {"type": "inline", "rows": [{"n": 1}]}


def test_runs_of_one_job_take_turns(stack, rest):
    """Of 30 runs that may run one at a time each starts after the one before it has ended, in order of request."""
    job = rest.create_job("one at a time", task(ROWS), concurrency_max=1)
    runs = [rest.run(job) for _ in range(30)]
    free = rest.create_job("any number", task(ROWS))
    assert rest.finished(rest.run(free))["status"] == "success"
    for run in runs:
        assert rest.finished(run)["status"] == "success"
    places = []
    for run in runs:
        trail = rest.trail(run)
        assert [event["type"] for event in trail] == [
            "run.requested", "run.started", "task.succeeded", "run.succeeded",
        ]  # fmt: skip
        places += [trail[1]["position"], trail[3]["position"]]
    assert places == sorted(places)


def test_a_run_that_is_never_claimed_fails_by_its_field(stack, rest):
    """A pool without executors: the run fails when its time in the queue is over, and says which field that was."""
    job = rest.create_job("nobody", task(ROWS), pool="nobody", timeouts={"queue_seconds": 1})
    run = rest.run(job)
    ended = until(lambda: rest.ended(run), "the run to end")
    assert (ended["status"], ended["attempt"], ended["error_message"]) == (
        "failed",
        0,
        "no executor of pool nobody claimed the run within 1 s of its request (timeouts.queue_seconds)",
    )
