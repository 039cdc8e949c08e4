"""`orc run`, `orc runs`, `orc events`: what happens is shown as it happens, and the exit code tells the end."""

import pytest
from support.scripted import Answer, sse

from orc import follow

JOB, RUN = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
STARTED = {"position": 2, "type": "run.started", "data": {"attempt": 1, "executor": "x"}}
LOADED = {
    "position": 3,
    "type": "task.succeeded",
    "data": {"task_order": 1, "result": {"rows": 336776, "seconds": 1.5}},
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def queued(gateway):
    gateway.on("GET", "/jobs", [{"job_id": JOB, "job_name": "flights"}])
    gateway.on("POST", f"/jobs/{JOB}/run", {"run_id": RUN, "status": "queued"})
    return gateway


def ended(status: str, message: str | None = None) -> dict:
    return {"run_id": RUN, "status": status, "error_message": message}


def test_run_by_name(orc, queued):
    """Without --follow the run is queued and named."""
    called = orc("run", "flights")
    assert (called.code, called.out) == (0, f"queued {RUN}\n")


def test_follow_to_success(orc, queued):
    """Events are shown in order, and success exits 0."""
    queued.on(
        "GET",
        f"/runs/{RUN}/events",
        sse(
            ("2", "run.started", STARTED),
            (None, "progress", {"task": 1, "rows": 50000, "percent": 14.8}),
            (None, "progress", {"task": 1, "rows": 60000, "percent": None}),
            ("3", "task.succeeded", LOADED),
            ("4", "run.succeeded", {"position": 4, "type": "run.succeeded", "data": {}}),
        ),
    )
    queued.on("GET", f"/runs/{RUN}", ended("success"))
    called = orc("run", "flights", "--follow")
    assert called.code == 0
    assert called.out.splitlines() == [
        f"run {RUN} of flights",
        "  run.started         attempt 1 by x",
        "  progress            task 1: 50,000 rows, 15 %",
        "  task.succeeded      task 1: 336,776 rows in 1.50 s",
        "  run.succeeded",
        "success",
    ]


def test_follow_to_failure(orc, queued):
    """A run that failed exits 1 and says why."""
    failed = {"type": "run.failed", "data": {"kind": "missing_file", "message": "no such file"}}
    queued.on("GET", f"/runs/{RUN}/events", sse(("2", "run.failed", failed)))
    queued.on("GET", f"/runs/{RUN}", ended("failed", "no such file"))
    called = orc("run", "flights", "-f")
    assert (called.code, called.out.splitlines()[1:]) == (
        1,
        ["  run.failed          missing_file: no such file", "failed: no such file"],
    )


def test_follow_through_a_broken_stream(orc, queued):
    """A stream that ends too early is taken up after the last event seen; none is shown twice or left out."""
    queued.on(
        "GET",
        f"/runs/{RUN}/events",
        sse(("2", "run.started", STARTED)),
        Answer({"detail": "starting"}, status=503),
        sse(("3", "task.succeeded", LOADED), ("4", "run.succeeded", {"data": {}})),
    )
    queued.on("GET", f"/runs/{RUN}", ended("success"))
    called = orc("run", JOB, "--follow", "--json")
    assert [line.get("event", "end") for line in called.json_lines] == [
        "run.started",
        "task.succeeded",
        "run.succeeded",
        "end",
    ]
    streams = [asked for asked in queued.asked if asked.path.endswith("/events")]
    assert [asked.headers.get("Last-Event-ID") for asked in streams] == [None, "2", "2"]


def test_ctrl_c_leaves_the_run_alone(orc, queued, monkeypatch):
    """Interrupted, the command exits 130 and says that the run goes on."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orc.commands.run.follow_run", interrupted)
    called = orc("run", "flights", "--follow")
    assert (called.code, called.err) == (130, f"orc: run {RUN} goes on\n")
    assert [asked.method for asked in queued.asked] == ["GET", "POST"]


def test_runs_lists_by_default(orc, queued):
    """`orc runs` lists, with the job's name; filters go to the gateway."""
    run = {
        "run_id": RUN,
        "job_id": JOB,
        "status": "failed",
        "triggered_by": "manual",
        "attempt": 1,
        "created_at": "2026-01-02T03:04:05.000001Z",
        "started_at": "2026-01-02T03:04:06.250000Z",
        "finished_at": "2026-01-02T03:04:08.000000Z",
        "error_message": None,
    }
    queued.on("GET", "/runs", [run])
    assert [line.split() for line in orc("runs").out.splitlines()] == [
        ["run_id", "job", "status", "triggered_by", "attempt", "created_at", "seconds", "error_message"],
        [RUN, "flights", "failed", "manual", "1", "2026-01-02T03:04:05Z", "1.75", "-"],
    ]
    assert orc("runs", "list", "--job", "flights", "--status", "failed", "--limit", "5", "--json").json == [
        run
    ]
    assert queued.asked[-1].query == {"job_id": JOB, "status": "failed", "limit": "5"}


@pytest.mark.parametrize(
    ("status", "said"),
    [("running", f"asked run {RUN} to stop"), ("success", f"run {RUN} has ended: success")],
)
def test_cancel_says_what_came_of_it(orc, gateway, status, said):
    """A run that has ended before is not said to be asked."""
    gateway.on("POST", f"/runs/{RUN}/cancel", ended(status))
    assert orc("runs", "cancel", RUN).out == f"{said}\n"


def test_there_is_more(orc, gateway):
    """A full page says how to get the next one, beside the output."""
    event = {"position": 7, "type": "job.created", "stream": "job-x", "recorded_at": "now", "actor": "a"}
    gateway.on("GET", "/events", [event])
    called = orc("events", "--limit", "1")
    assert (len(called.out.splitlines()), called.err) == (1, "orc: there may be more: --after 7\n")


def test_events_are_filtered_and_followed(orc, gateway, monkeypatch):
    """Past events come from the log; following goes on from a position until interrupted."""
    event = {
        "position": 7,
        "type": "job.created",
        "stream": "job-x",
        "recorded_at": "now",
        "actor": "anonymous",
    }
    gateway.on("GET", "/events", [event], sse(("8", "job.created", event)), Answer(status=500))
    assert orc("events", "--type", "job.created", "--stream", "job-x", "--json").json_lines == [event]
    followed = orc("events", "--follow", "--after", "7")
    assert followed.out == "      7  job.created          job-x  now anonymous\n"
    assert [asked.query.get("stream") for asked in gateway.asked] == ["job-x", None, None]
    assert [asked.headers.get("Last-Event-ID") for asked in gateway.asked] == [None, "7", "8"]


def test_text_from_outside_cannot_drive_the_terminal(orc, queued):
    """Control characters in an error message are made visible."""
    queued.on("GET", f"/runs/{RUN}/events", sse(("2", "run.failed", {"data": {"message": "\x1b[2Jgone"}})))
    queued.on("GET", f"/runs/{RUN}", ended("failed", "\x1b[2Jgone"))
    assert "\x1b" not in orc("run", "flights", "-f").out
