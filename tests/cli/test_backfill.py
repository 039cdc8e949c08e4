"""`orc backfill` and `orc backfills`: the dates before, how far it is meanwhile, and how it ended."""

import pytest

from orc import follow_backfill

JOB, BACKFILL = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
DAYS = ["2026-05-01T07:00:00Z", "2026-05-02T07:00:00Z"]
RANGE = ("--start", "2026-05-01", "--end", "2026-05-02")
NOTHING = dict.fromkeys(("requested", "queued", "running", "success", "failed", "cancelled", "remaining"), 0)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(follow_backfill, "LOOK_SECONDS", 0.0)


def plan(**said) -> dict:
    values = {"backfill_id": BACKFILL, "dry_run": False, "reverse": False, "instants": DAYS, "skipped": [{}]}
    return values | said


def view(status: str = "running", **progress: int) -> dict:
    return {
        "backfill_id": BACKFILL, "status": status, "total": 2, "start": DAYS[0], "end": DAYS[1],
        "created_at": "2026-06-01T07:00:00Z", "requested_by": "user:ana",
        "finished_at": DAYS[1] if status in {"finished", "cancelled"} else None, "progress": NOTHING | progress,
    }  # fmt: skip


@pytest.fixture
def script(gateway):
    gateway.on("GET", "/jobs", [{"job_id": JOB, "job_name": "flights"}])
    gateway.on("GET", f"/jobs/{JOB}", {"job_id": JOB, "timezone": "Europe/Berlin"})
    gateway.on("POST", f"/jobs/{JOB}/backfills", plan())
    return gateway


def test_dry_run_prints_the_dates(orc, script):
    """A dry run prints each instant on a line, in the order of the runs."""
    script.on(
        "POST",
        f"/jobs/{JOB}/backfills",
        plan(dry_run=True, backfill_id=None),
        plan(dry_run=True, reverse=True),
    )
    called = orc("backfill", "flights", *RANGE, "--dry-run")
    newest_first = orc("backfill", "flights", *RANGE, "--dry-run", "--reverse")
    last = "dry run of flights: 2 to run, 1 left out"
    assert (called.code, called.out.splitlines()) == (0, [*DAYS, last])
    assert newest_first.out.splitlines() == [*reversed(DAYS), last]


def test_what_is_asked(orc, script):
    """A day is the job's whole day; a time without offset is the job's, one with an offset is taken as it is."""
    orc("backfill", "flights", *RANGE)
    orc("backfill", JOB, "--start", "2026-01-01T09:00", "--end", "2026-01-01T12:00:00Z", "--reprocess", "failed",
        "--concurrency", "4", "--reverse")  # fmt: skip
    first, second = (asked for asked in script.asked if asked.method == "POST")
    assert first.body == {
        "start": "2026-05-01T00:00:00+02:00", "end": "2026-05-02T23:59:59.999999+02:00", "dry_run": False,
        "reprocess": "none", "concurrency": 1, "reverse": False,
    }  # fmt: skip
    assert second.body == {
        "start": "2026-01-01T09:00:00+01:00", "end": "2026-01-01T12:00:00+00:00", "dry_run": False,
        "reprocess": "failed", "concurrency": 4, "reverse": True,
    }  # fmt: skip


def test_taken(orc, script):
    """Without --follow the backfill is taken and named, as JSON the whole answer."""
    assert orc("backfill", "flights", *RANGE).out == f"backfill {BACKFILL} of flights: 2 to run, 1 left out\n"
    assert orc("backfill", "flights", *RANGE, "--json").json == plan()


def test_followed_to_the_end(orc, script):
    """Each step is shown once; it exits 0 when every run succeeded, else 1."""
    steps = [view(queued=1, remaining=1), view(queued=1, remaining=1), view(success=1, running=1)]
    script.on("GET", f"/backfills/{BACKFILL}", *steps, view("finished", success=2))
    called = orc("backfill", "flights", *RANGE, "--follow")
    assert (called.code, called.out.splitlines()[1:]) == (
        0, ["  running: 1 queued, 1 remaining", "  running: 1 success, 1 running", "finished: 2 success"],
    )  # fmt: skip
    for end in (view("finished", success=1, failed=1), view("cancelled", success=1, remaining=1)):
        script.on("GET", f"/backfills/{BACKFILL}", end)
        called = orc("backfill", "flights", *RANGE, "--follow", "--json")
        assert (called.code, called.json_lines) == (1, [end])


def test_misuse(orc, script):
    """What is no time, no number of runs or no choice is told before anything is asked for."""
    called = orc("backfill", "flights", "--start", "yesterday", "--end", "2026-05-02")
    assert (called.code, called.err.startswith("orc: --start yesterday: this is no time; valid: ")) == (
        1,
        True,
    )
    assert orc("backfill", "flights", *RANGE, "--concurrency", "101").code == 2
    assert orc("backfill", "flights", *RANGE, "--reprocess", "some").code == 2
    assert orc("backfill", "flights").code == 2
    assert [asked for asked in script.asked if asked.method == "POST"] == []


def test_list(orc, script):
    """Backfills of a job are listed with how far they are."""
    script.on("GET", f"/jobs/{JOB}/backfills", [view("finished", success=1, failed=1)])
    called = orc("backfills", "flights")
    assert called.code == 0
    assert called.out.split("\n")[1].split()[:2] == [BACKFILL, "finished"]
    assert " 2/2 " in called.out
    assert orc("backfills", "list", "flights", "--json").json == [view("finished", success=1, failed=1)]


def test_show(orc, script):
    """A backfill is shown with its runs that did not succeed."""
    script.on("GET", f"/backfills/{BACKFILL}", view("finished", success=1, failed=1))
    runs = [
        {"due_at": at, "run_id": f"run-{status}", "status": status, "error_message": None}
        for at, status in zip(DAYS, ("success", "failed"), strict=True)
    ]
    script.on("GET", f"/backfills/{BACKFILL}/runs", runs)
    called = orc("backfills", "show", BACKFILL)
    assert ("finished: 1 success, 1 failed" in called.out, "run-failed" in called.out) == (True, True)
    assert "run-success" not in called.out


def test_cancel(orc, script):
    """A cancel is told with its reason; of one that has ended it is said how."""
    script.on("POST", f"/backfills/{BACKFILL}/cancel", view("cancelling"), view("cancelled"))
    first = orc("backfills", "cancel", BACKFILL, "--reason", "typo")
    again = orc("backfills", "cancel", BACKFILL)
    assert (first.out, again.out) == (
        f"asked backfill {BACKFILL} to stop\n", f"backfill {BACKFILL} has ended: cancelled\n",
    )  # fmt: skip
    assert script.asked[0].body == {"reason": "typo"}
