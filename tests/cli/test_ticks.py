"""`orc why`, `orc ticks` and `orc preview`: what is asked of the gateway, and what a person sees of its answer."""

import pytest

ID = "00000000-0000-0000-0000-00000000000a"
RUN = "00000000-0000-0000-0000-00000000000b"


def test_why_is_a_sentence(orc, gateway):
    """The sentence is printed as it is, or all of the answer as JSON; the time is sent with its offset."""
    said = {"outcome": "skipped", "sentence": "09:00 was let pass\x1b (event 7)", "positions": [7]}
    gateway.on("GET", "/jobs", [{"job_id": ID, "job_name": "planes"}])
    gateway.on("GET", f"/jobs/{ID}/why", said)
    called = orc("why", "planes", "2026-03-29T09:00+02:00")
    assert (called.code, called.out) == (0, "09:00 was let pass\N{REPLACEMENT CHARACTER} (event 7)\n")
    assert gateway.asked[-1].query == {"at": "2026-03-29T09:00:00+02:00"}
    assert orc("why", ID, "2026-03-29 07:00Z", "--json").json == said
    assert gateway.asked[-1].query == {"at": "2026-03-29T07:00:00+00:00"}


@pytest.mark.parametrize("text", ["2026-03-29T09:00", "9 o'clock", "2026-03-29"])
def test_a_time_needs_an_offset(orc, gateway, text):
    """A wall time alone is not guessed at, and nothing is asked."""
    called = orc("why", ID, text)
    assert called.code == 1
    assert called.err.startswith(
        f"orc: at: {text!r} is no time with an offset (valid: 2026-03-29T09:00+02:00"
    )
    assert gateway.asked == []


def test_ticks_are_a_table(orc, gateway):
    """Rows are shown with their span, and where to go on when there may be more."""
    row = {
        "due_at": "2026-03-29T07:00:00Z", "last_due_at": "2026-03-29T09:00:00Z", "count": 3, "outcome": "skipped",
        "reason": "missed", "run_id": None, "position": 7, "job_version": 1, "tzdata": "2026.1",
    }  # fmt: skip
    gateway.on("GET", f"/jobs/{ID}/ticks", [row])
    called = orc("ticks", ID, "--after", "2026-03-29T00:00Z", "--limit", "1")
    assert [line.split() for line in called.out.splitlines()] == [
        ["due_at", "last_due_at", "count", "outcome", "reason", "run_id", "position"],
        ["2026-03-29T07:00:00Z", "2026-03-29T09:00:00Z", "3", "skipped", "missed", "-", "7"],
    ]
    assert called.err == "orc: there may be more: --before 2026-03-29T07:00:00Z\n"
    assert gateway.asked[-1].query == {"after": "2026-03-29T00:00:00+00:00", "limit": "1"}
    assert orc("ticks", ID, "--json").json == [row]


PREVIEW = {
    "description": "every hour (UTC)",
    "next": ["2026-03-29T07:00:00Z"],
    "warnings": ["it ends soon"],
    "simulation": None,
}


def test_preview_in_words(orc, gateway):
    """Words, instants and notes; without a downtime nothing is simulated."""
    gateway.on("POST", "/schedules/preview", PREVIEW)
    called = orc("preview", "0 * * * *", "--timezone", "Europe/Paris", "--count", "1")
    assert called.out == "every hour (UTC)\n  2026-03-29T07:00:00Z\nnote: it ends soon\n"
    assert gateway.asked[-1].body == {"schedule": "0 * * * *", "timezone": "Europe/Paris", "count": 1}


def test_preview_of_a_downtime(orc, gateway):
    """A downtime is sent with the policies, and what becomes of the instants is a table."""
    row = {
        "due_at": "2026-03-29T07:00:00Z", "last_due_at": "2026-03-29T07:00:00Z", "count": 1, "outcome": "run",
        "reason": None, "requested_at": "2026-03-29T08:00:00Z",
    }  # fmt: skip
    gateway.on("POST", "/schedules/preview", PREVIEW | {"simulation": [row]})
    called = orc(
        "preview", "@hourly", "--down-from", "2026-03-29T07:00Z", "--down-to", "2026-03-29T08:00Z", "--catch-up", "last",
        "--catch-up-window", "60", "--overlap", "skip", "--run-seconds", "5",
    )  # fmt: skip
    assert gateway.asked[-1].body == {
        "schedule": "@hourly", "timezone": "UTC", "count": 5, "run_seconds": 5.0,
        "downtime": {"from": "2026-03-29T07:00:00+00:00", "to": "2026-03-29T08:00:00+00:00"},
        "catch_up": {"mode": "last", "window_seconds": 60}, "overlap": {"mode": "skip"},
    }  # fmt: skip
    assert called.out.splitlines()[-1].split() == [
        "2026-03-29T07:00:00Z", "2026-03-29T07:00:00Z", "1", "run", "-", "2026-03-29T08:00:00Z",
    ]  # fmt: skip


def test_half_a_downtime(orc, gateway):
    """A downtime with one end is refused before anything is asked."""
    called = orc("preview", "@hourly", "--down-from", "2026-03-29T07:00Z")
    assert (called.code, called.err) == (
        1,
        "orc: a downtime needs both its ends: --down-from and --down-to\n",
    )
    assert gateway.asked == []
