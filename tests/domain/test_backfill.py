"""The life of a backfill, and which instants it runs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec import structs

from orc_domain.backfill import (
    CONCURRENCY_MAX,
    INSTANTS_MAX,
    BackfillCancelled,
    BackfillCancelRequested,
    BackfillEnded,
    BackfillFinished,
    BackfillRequested,
    CancelBackfill,
    EndBackfill,
    NothingToRun,
    RequestBackfill,
    TooManyInstants,
    backfill_id_of_command,
    in_order,
    run_id_of_instant,
)
from orc_domain.backfill_plan import (
    LOOKED_AT_MAX,
    EarlierRun,
    InstantPlan,
    SkippedInstant,
    instants_within,
    plan_instants,
)
from orc_domain.rejection import Conflict, Invalid, NotFound
from orc_domain.timetable import Timing, parse_timetable
from orc_events.scenario import LONG_AGO, Scenario
from orc_runtime.deciders import BACKFILLS

BACKFILL, JOB = UUID(int=1), UUID(int=2)
START, DAY = datetime(2026, 5, 1, 9, tzinfo=UTC), timedelta(days=1)
NOW = START + 100 * DAY
INSTANTS = (START, START + DAY, START + 2 * DAY)
REQUEST = RequestBackfill(
    backfill_id=BACKFILL, job_id=JOB, job_version=3, start=START, end=START + 5 * DAY, instants=INSTANTS, skipped=2,
    reprocess="none", concurrency=2, reverse=False, at=NOW,
)  # fmt: skip
REQUESTED = BackfillRequested(
    backfill_id=BACKFILL, job_id=JOB, job_version=3, start=START, end=START + 5 * DAY, instants=INSTANTS, skipped=2,
    reprocess="none", concurrency=2, reverse=False,
)  # fmt: skip
CANCEL = BackfillCancelRequested(reason="typo")
FINISHED = BackfillFinished(succeeded=2, failed=1, cancelled=0, skipped=2)
CANCELLED = BackfillCancelled(succeeded=1, failed=0, cancelled=1, skipped=2, remaining=1)
DAILY = parse_timetable(Timing(schedules=("0 9 * * *",)))


def within(timetable, start, end, now=NOW):
    return instants_within(timetable, JOB, start, end, now)


def backfill(*events):
    return Scenario(BACKFILLS).given(*events)


def test_a_backfill_is_requested():
    """A backfill begins with the very instants that will be run."""
    state = backfill().when(REQUEST).then(REQUESTED)
    assert (state.requested, state.status, state.created_at, state.version) == (
        REQUESTED,
        "running",
        LONG_AGO,
        1,
    )


def test_requested_twice_is_once():
    """The same request again adds nothing."""
    backfill(REQUESTED).when(REQUEST).then()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"end": START - DAY}, "end", "ends before it starts"),
        ({"at": START}, "end", "of the past"),
        ({"start": START.replace(tzinfo=None)}, "start", "no offset"),
        ({"instants": (START, START)}, "instants", "not in order"),
        ({"instants": (START - DAY,)}, "instants", "outside"),
        ({"instants": (START + 6 * DAY,)}, "instants", "outside"),
        ({"concurrency": 0}, "concurrency", "bounds"),
        ({"concurrency": CONCURRENCY_MAX + 1}, "concurrency", "bounds"),
    ],
)
def test_a_request_is_judged(changes, field, words):
    """What cannot be meant is refused, naming the field and what would be valid."""
    error = backfill().when(structs.replace(REQUEST, **changes)).rejected(Invalid)
    assert (error.field, words in error.detail, bool(error.valid)) == (field, True, True)


def test_more_instants_than_one_backfill_takes():
    """The refusal says how many there are, and up to where it would be taken."""
    instants = tuple(START + timedelta(seconds=n) for n in range(INSTANTS_MAX + 1))
    error = backfill().when(structs.replace(REQUEST, instants=instants)).rejected(TooManyInstants)
    assert (error.detail, error.valid) == (
        "the range holds 10001 instants",
        "at most 10000 of them: an end up to 2026-05-01T11:46:39+00:00",
    )


def test_nothing_to_run():
    """A backfill without an instant is refused, and told how there would be some."""
    nothing = structs.replace(REQUEST, instants=())
    error = backfill().when(nothing).rejected(NothingToRun)
    assert (error.field, error.valid) == ("reprocess", "failed, all")
    error = backfill().when(structs.replace(nothing, skipped=0)).rejected(NothingToRun)
    assert (error.field, error.valid) == ("start", "a wider range")


def test_a_backfill_finishes():
    """When every run has ended it is finished, with how they ended; saying so again adds nothing."""
    end = EndBackfill(succeeded=2, failed=1, cancelled=0)
    state = backfill(REQUESTED).when(end).then(FINISHED)
    assert (state.status, state.is_ended, state.finished_at) == ("finished", True, LONG_AGO)
    backfill(REQUESTED, FINISHED).when(end).then()


def test_a_backfill_with_instants_left_does_not_finish():
    """Whoever believes that it is done while an instant has no run is refused."""
    backfill(REQUESTED).when(EndBackfill(succeeded=2, failed=0, cancelled=0)).rejected(Conflict)


def test_a_backfill_is_cancelled():
    """A cancel is told at once and ends once no run is open; what was never run is counted."""
    state = backfill(REQUESTED).when(CancelBackfill("typo")).then(CANCEL)
    assert (state.status, state.reason) == ("cancelling", "typo")
    state = backfill(REQUESTED, CANCEL).when(EndBackfill(succeeded=1, failed=0, cancelled=1)).then(CANCELLED)
    assert (state.status, state.is_ended) == ("cancelled", True)


def test_cancelling_twice_and_too_late():
    """Cancelling again adds nothing; what has finished cannot be cancelled, nor what never was."""
    backfill(REQUESTED, CANCEL).when(CancelBackfill()).then()
    backfill(REQUESTED, CANCEL, CANCELLED).when(CancelBackfill()).then()
    backfill(REQUESTED, FINISHED).when(CancelBackfill()).rejected(BackfillEnded)
    backfill().when(CancelBackfill()).rejected(NotFound)


def test_ids_follow_from_their_cause():
    """The same command is the same backfill; the same instant of it the same run, and no other's."""
    ids = {
        backfill_id_of_command(JOB), run_id_of_instant(BACKFILL, START), run_id_of_instant(BACKFILL, START + DAY),
        run_id_of_instant(JOB, START),
    }  # fmt: skip
    assert (len(ids), backfill_id_of_command(JOB)) == (4, backfill_id_of_command(JOB))


def test_order():
    """Oldest first, or newest first."""
    assert (in_order(INSTANTS, reverse=False), in_order(INSTANTS, reverse=True)) == (
        list(INSTANTS), list(reversed(INSTANTS)),
    )  # fmt: skip


def test_instants_of_a_range():
    """Both ends count, and what the timetable lets pass does not."""
    weekdays = parse_timetable(Timing(schedules=("0 9 * * *",), exclude=("2026-05-02",)))
    assert within(DAILY, START, START + 2 * DAY) == list(INSTANTS)
    assert within(weekdays, START, START + 2 * DAY) == [START, START + 2 * DAY]
    assert within(DAILY, START + timedelta(seconds=1), START + timedelta(hours=23)) == []


def test_instants_of_the_moment():
    """An instant that the schedule itself may still ask for, late or by its jitter, is not past yet."""
    assert [within(DAILY, START, START, START + timedelta(seconds=late)) for late in (9, 10)] == [[], [START]]
    jittered = parse_timetable(Timing(schedules=("0 9 * * *",), jitter_seconds=3600))
    asked_at = jittered.asked_at(JOB, START)
    assert asked_at > START
    late = [asked_at + timedelta(seconds=seconds) for seconds in (9, 10)]
    assert [within(jittered, START, START, now) for now in late] == [[], [START]]


def test_a_job_by_hand_has_no_instants():
    """A job without a schedule cannot be backfilled."""
    with pytest.raises(Invalid, match="by hand only"):
        within(parse_timetable(Timing(schedules=("@manual",))), START, NOW)


def test_a_range_with_too_many():
    """The count is exact while it is small, and a lower bound beyond what is looked at."""
    every_second = parse_timetable(Timing(schedules=("* * * * * *",)))
    with pytest.raises(TooManyInstants, match=rf"holds {INSTANTS_MAX + 1} instants"):
        within(every_second, START, START + timedelta(seconds=INSTANTS_MAX))
    with pytest.raises(TooManyInstants, match=f"more than {LOOKED_AT_MAX} instants") as error:
        within(every_second, START, START + 30 * DAY)
    assert error.value.valid == "at most 10000 of them: an end up to 2026-05-01T11:46:39+00:00"
    assert len(within(every_second, START, START + timedelta(seconds=INSTANTS_MAX - 1))) == INSTANTS_MAX


@pytest.mark.parametrize(
    ("reprocess", "run"),
    [("none", {"new"}), ("failed", {"new", "failed", "cancelled"}),
     ("all", {"new", "failed", "cancelled", "queued", "running", "success"})],
)  # fmt: skip
def test_reprocess(reprocess, run):
    """`none` runs what has no run, `failed` also what failed or was cancelled, `all` everything; the rest is told."""
    statuses = ("new", "queued", "running", "success", "failed", "cancelled")
    instants = [START + n * DAY for n in range(len(statuses))]
    earlier = {
        at: EarlierRun(UUID(int=nth), status)
        for nth, (at, status) in enumerate(zip(instants, statuses, strict=True))
        if status != "new"
    }
    chosen = tuple(at for at, status in zip(instants, statuses, strict=True) if status in run)
    skipped = tuple(
        SkippedInstant(due_at=at, run_id=earlier[at].run_id, status=earlier[at].status)
        for at in instants
        if at not in chosen
    )
    assert plan_instants(instants, earlier, reprocess) == InstantPlan(chosen, skipped)
