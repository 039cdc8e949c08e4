"""Why a job ran or did not run at a time: one sentence for each case, with the events that say so."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from support.ledger import JOB, Past, skipped, spec

from orc_domain.instants import tick_id
from orc_domain.job import JobChanged, JobCreated, JobDeleted, JobPaused, JobResumed
from orc_domain.run_messages import RunFailed, RunStarted
from orc_gateway.why import meant_at

DAY = timedelta(days=1)
GONE, HOURLY = UUID(int=5), UUID(int=6)


def day(number, hour=8, minute=0, second=0):
    return datetime(2024, 3, number, hour, minute, second, tzinfo=UTC)


@pytest.fixture
async def past(gateway, start_gateway):
    """Nine days of a job that is due at 9:00 in Paris, which is 8:00 UTC."""
    past = Past(gateway, await start_gateway.log("orc_scheduler", "scheduler"))
    await past.job(day(1, 0), JobCreated(JOB, spec(exclude=("2090-03-10",))))
    run_id = await past.requested(day(1), day(1, 8, 0, 1))
    await past.run(run_id, day(1, 8, 0, 2), RunStarted(attempt=1, executor="test"))
    await past.run(run_id, day(1, 8, 0, 3), RunFailed(attempt=1, kind="internal", message="it broke"))
    await past.skipped(skipped(day(2), day(4), 3, "missed"), at=day(4, 9))
    await past.job(day(5, 12), JobPaused(JOB, "moving house"), actor="user:bo")
    await past.skipped(skipped(day(6), day(7), 2, "paused"), at=day(7, 9))
    await past.job(day(8, 12), JobResumed(JOB), actor="user:bo")
    await past.requested(day(10), day(10, 8, 0, 1))
    await past.job(day(1, 0), JobCreated(GONE, spec()), job_id=GONE)
    await past.job(day(2, 0), JobDeleted(GONE), job_id=GONE)
    await past.shown()
    return past


SCHEDULE = "at 09:00:00 every day (Europe/Paris), except 2090-03-10"
RUN, WAITING = (tick_id(JOB, at) for at in (day(1), day(10)))
CASES = {
    "requested, and how it ended": (
        "2024-03-01T08:00:00Z", "requested", "2024-03-01T09:00:00+01:00", None, [2, 3, 4], RUN,
        (f"2024-03-01T09:00:00+01:00: run {RUN} was requested for it at 2024-03-01T09:00:01+01:00 and failed at "
        "2024-03-01T09:00:03+01:00: it broke (events 2, 3, 4)"),
    ),
    "requested, and waiting still": (
        "2024-03-10T09:00:00+01:00", "requested", "2024-03-10T09:00:00+01:00", None, [9], WAITING,
        (f"2024-03-10T09:00:00+01:00: run {WAITING} was requested for it at 2024-03-10T09:00:01+01:00 and waits for an "
        "executor of pool default (event 9)"),
    ),
    "near an instant": (
        "2024-03-01T08:00:40Z", "requested", "2024-03-01T09:00:00+01:00", None, [2, 3, 4], RUN,
        ("2024-03-01T09:00:40+01:00 is no due instant, and the nearest is 2024-03-01T09:00:00+01:00: "
        f"run {RUN} was requested for it at 2024-03-01T09:00:01+01:00 and failed at 2024-03-01T09:00:03+01:00: "
        "it broke (events 2, 3, 4)"),
    ),
    "just before the end of a span": (
        "2024-03-04T07:59:30Z", "skipped", "2024-03-04T09:00:00+01:00", "missed", [5], None,
        ("2024-03-04T08:59:30+01:00 is no due instant, and the nearest is 2024-03-04T09:00:00+01:00: it was let pass, "
        "one of 3 from 2024-03-02T09:00:00+01:00 to 2024-03-04T09:00:00+01:00: nobody asked for it in time, and "
        "catch_up lets it pass (event 5)"),
    ),
    "inside a span": (
        "2024-03-03T08:00:00Z", "skipped", "2024-03-03T09:00:00+01:00", "missed", [5], None,
        ("2024-03-03T09:00:00+01:00: it was let pass, one of 3 from 2024-03-02T09:00:00+01:00 to "
        "2024-03-04T09:00:00+01:00: nobody asked for it in time, and catch_up lets it pass (event 5)"),
    ),
    "inside a span, between its instants": (
        "2024-03-03T20:00:00Z", "not-due", None, None, [], None,
        (f"2024-03-03T21:00:00+01:00 is not due: it is no instant of the schedule ({SCHEDULE}); "
        "the one before is 2024-03-03T09:00:00+01:00, the one after is 2024-03-04T09:00:00+01:00"),
    ),
    "paused, and recorded": (
        "2024-03-07T08:00:00Z", "skipped", "2024-03-07T09:00:00+01:00", "paused", [7, 6], None,
        ("2024-03-07T09:00:00+01:00: it was let pass, one of 2 from 2024-03-06T09:00:00+01:00 to "
        "2024-03-07T09:00:00+01:00: the schedule was paused at 2024-03-05T13:00:00+01:00 by user:bo, saying “moving "
        "house” (events 7, 6)"),
    ),
    "paused, and not recorded yet": (
        "2024-03-08T08:00:00Z", "pending", "2024-03-08T09:00:00+01:00", "paused", [6], None,
        ("2024-03-08T09:00:00+01:00: it is let pass, since the schedule was paused at 2024-03-05T13:00:00+01:00 by "
        "user:bo, saying “moving house”; instants of a paused schedule are recorded together, at most an hour later, and "
        "this one is not yet (event 6)"),
    ),
    "due, and not accounted for": (
        "2024-03-09T08:00:00Z", "pending", "2024-03-09T09:00:00+01:00", None, [], None,
        ("2024-03-09T09:00:00+01:00: no event accounts for it yet: the scheduler is behind or down, its share of the "
        "jitter has not passed, or the schedule was changed around that time"),
    ),
    "not due": (
        "2024-03-01T12:00:00Z", "not-due", None, None, [], None,
        (f"2024-03-01T13:00:00+01:00 is not due: it is no instant of the schedule ({SCHEDULE}); "
        "the one before is 2024-03-01T09:00:00+01:00, the one after is 2024-03-02T09:00:00+01:00"),
    ),
    "to come": (
        "2090-06-01T07:00:00Z", "upcoming", "2090-06-01T09:00:00+02:00", None, [], None,
        "2090-06-01T09:00:00+02:00: it is to come: a run is asked for at its time",
    ),
    "to come, and excluded": (
        "2090-03-10T08:00:00Z", "upcoming", "2090-03-10T09:00:00+01:00", "excluded", [], None,
        "2090-03-10T09:00:00+01:00: it is to come, and will be let pass: the schedule excludes it",
    ),
    "before the job": (
        "2023-12-01T08:00:00Z", "no-job", None, None, [1], None,
        ("the job did not exist at 2023-12-01T09:00:00+01:00: it was created at 2024-03-01T01:00:00+01:00 by user:ana "
        "(event 1)"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_why(client, past, case):
    """Each case is told in a sentence that names the instant, what became of it, and the events."""
    at, outcome, due_at, reason, positions, run_id, sentence = CASES[case]
    said = (await client.get(f"/jobs/{JOB}/why", params={"at": at})).json()
    asked = datetime.fromisoformat(said.pop("at"))
    assert asked == datetime.fromisoformat(at)
    assert said == {
        "due_at": due_at, "outcome": outcome, "sentence": sentence, "positions": positions,
        "run_id": run_id and str(run_id), "reason": reason,
    }  # fmt: skip


async def ask(client, job_id, at):
    said = (await client.get(f"/jobs/{job_id}/why", params={"at": at})).json()
    return said["outcome"], said["sentence"], said["positions"]


async def test_deleted_job(client, past):
    """After a job's end the sentence says who ended it, even where a later definition would be due."""
    assert await ask(client, GONE, "2024-03-05T08:00:00Z") == (
        "no-job",
        (
            "the job did not exist any more at 2024-03-05T09:00:00+01:00: it was deleted at 2024-03-02T01:00:00+01:00 by "
            "user:ana (event 11)"
        ),
        [11],
    )
    assert (await ask(client, GONE, "2024-03-01T08:00:00Z"))[0] == "pending"


async def test_unknown_job(client):
    """A job that never was is 404."""
    answer = await client.get(f"/jobs/{UUID(int=77)}/why", params={"at": "2024-03-05T08:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")


async def test_paused_to_come(client, past):
    """While a schedule is paused, what is to come will be let pass, unless it is resumed."""
    await past.job(day(12), JobPaused(JOB, ""), actor="user:cy")
    await past.shown()
    assert await ask(client, JOB, "2090-06-01T07:00:00Z") == (
        "upcoming",
        (
            "2090-06-01T09:00:00+02:00: it is to come, and will be let pass unless the schedule is resumed before: it was "
            "paused at 2024-03-12T09:00:00+01:00 by user:cy (event 12)"
        ),
        [12],
    )


async def test_made_inactive(client, past):
    """A schedule that a change or its creation made inactive is paused by that event."""
    await past.job(day(1, 0), JobCreated(HOURLY, spec(is_active=False)), job_id=HOURLY)
    await past.job(day(3, 0), JobChanged(HOURLY, spec(is_active=False, schedule="0 * * * *")), job_id=HOURLY)
    await past.shown()
    outcome, sentence, positions = await ask(client, HOURLY, "2024-03-03T10:00:00Z")
    assert (outcome, positions) == ("pending", [12])
    assert "the schedule was paused at 2024-03-01T01:00:00+01:00 by user:ana" in sentence


async def test_definition_in_force_counts(client, past):
    """A time is judged by the definition that was in force then, not by the one that followed."""
    await past.job(day(12, 0), JobChanged(JOB, spec(schedule="0 12 * * *")))
    await past.shown()
    assert (await ask(client, JOB, "2024-03-09T08:00:00Z"))[0] == "pending"
    assert (await ask(client, JOB, "2024-03-09T11:00:00Z"))[0] == "not-due"
    assert (await ask(client, JOB, "2024-03-13T11:00:00Z"))[0] == "pending"
    assert (await ask(client, JOB, "2024-03-13T08:00:00Z"))[0] == "not-due"


async def test_what_a_span_holds_is_what_its_own_definition_named(client, past):
    """An instant of a span stays one after the schedule was changed."""
    await past.job(day(12, 0), JobChanged(JOB, spec(schedule="0 12 * * *")))
    await past.shown()
    assert (await ask(client, JOB, "2024-03-03T08:00:00Z"))[0] == "skipped"
    assert (await ask(client, JOB, "2024-03-03T11:00:00Z"))[0] == "not-due"


async def test_an_instant_belongs_to_the_definition_in_force_at_it(client, past):
    """Near a change, what the new definition names before it is not meant, and what the old one named before it is."""
    await past.job(day(12, 8, 0, 30), JobChanged(JOB, spec(schedule="0 9,12 * * *")))
    await past.job(day(12, 11, 0, 30), JobChanged(JOB, spec(schedule="0 12 * * *", exclude=("2025-01-01",))))
    await past.job(day(12, 12, 0, 30), JobChanged(JOB, spec(schedule="0 13 * * *")))
    await past.shown()
    said = [
        await ask(client, JOB, f"2024-03-12T{time}Z")
        for time in ("08:00:40", "11:00:40", "12:00:40", "10:00:00")
    ]
    assert [outcome for outcome, _, _ in said] == ["pending", "pending", "not-due", "not-due"]
    assert said[0][1].startswith(
        "2024-03-12T09:00:40+01:00 is no due instant, and the nearest is 2024-03-12T09:00:00+01:00: no event"
    )
    assert said[2][1].endswith(
        "the one before is 2024-03-12T12:00:00+01:00, the one after is 2024-03-13T13:00:00+01:00"
    )
    assert said[3][1].endswith(
        "the one before is 2024-03-12T09:00:00+01:00, the one after is 2024-03-12T12:00:00+01:00"
    )


async def test_the_next_instant_is_one_of_its_definition(client, past):
    """What a later definition would have named before it was given is not the next instant."""
    await past.job(day(12, 11, 0, 30), JobChanged(JOB, spec(schedule="0 12 * * *")))
    await past.shown()
    _, sentence, _ = await ask(client, JOB, "2024-03-12T09:30:00Z")
    assert sentence.endswith(
        "the one before is 2024-03-12T09:00:00+01:00, the one after is 2024-03-13T12:00:00+01:00"
    )


async def test_no_instant_before_its_job_or_after_it(client, past):
    """What a job's schedule would name before its creation or after its end is not meant, however near."""
    await past.job(day(3, 8, 0, 30), JobCreated(HOURLY, spec()), job_id=HOURLY)
    await past.job(day(5, 7, 59, 30), JobDeleted(HOURLY), job_id=HOURLY)
    await past.shown()
    said = [await ask(client, HOURLY, f"2024-03-{time}Z") for time in ("03T08:00:40", "05T07:59:20")]
    assert [(outcome, sentence.partition("); ")[2]) for outcome, sentence, _ in said] == [
        ("not-due", "there is none before, the one after is 2024-03-04T09:00:00+01:00"),
        ("not-due", "the one before is 2024-03-04T09:00:00+01:00, there is none after"),
    ]


async def test_looked_for_beside_the_loop(client, past, monkeypatch):
    """What may take seconds for many definitions of many expressions keeps no other request waiting."""
    threads = []

    def noting(*about):
        threads.append(threading.current_thread())
        return meant_at(*about)

    monkeypatch.setattr("orc_gateway.routes.ticks.meant_at", noting)
    await ask(client, JOB, "2024-03-01T08:00:00Z")
    assert [one is threading.main_thread() for one in threads] == [False]


async def test_manual_job(client, past):
    """A job without a schedule is never due."""
    await past.job(day(1, 0), JobCreated(HOURLY, spec(schedule="@manual")), job_id=HOURLY)
    await past.shown()
    assert await ask(client, HOURLY, "2024-03-03T10:00:00Z") == (
        "not-due",
        "2024-03-03T11:00:00+01:00 is not due: the job has no schedule, it runs by hand only",
        [],
    )


async def test_jitter_is_told(client, past):
    """What is to come is asked for later by its share of the jitter."""
    await past.job(day(12), JobChanged(JOB, spec(jitter_seconds=600)))
    await past.shown()
    _, sentence, _ = await ask(client, JOB, "2090-06-01T07:00:00Z")
    assert sentence.startswith(
        "2090-06-01T09:00:00+02:00: it is to come: a run is asked for at 2090-06-01T09:0"
    )
    assert sentence.endswith(", later by its share of the jitter")


async def test_time_is_said_in_any_offset(client, past):
    """The same instant in another offset is the same question."""
    said = [await ask(client, JOB, at) for at in ("2024-03-01T08:00:00Z", "2024-03-01T17:00:00+09:00")]
    assert said[0] == said[1]


async def test_run_that_goes_on(client, gateway, past):
    """A run's sentence follows its status."""
    await past.run(WAITING, day(10, 8, 1), RunStarted(attempt=1, executor="test"))
    await past.shown()
    assert (await ask(client, JOB, "2024-03-10T08:00:00Z"))[1].endswith(
        "and is running, attempt 1 (events 9, 12)"
    )
