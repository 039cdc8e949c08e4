"""What becomes of due instants: each policy against a model of twenty lines, and many small batches against one."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orc_domain import accounting
from orc_domain.accounting import Accounting, Outcome, Plan, account, pass_over
from orc_domain.policies import CatchUp, Dst, Overlap
from orc_domain.timetable import Timing, parse_timetable

JOB_ID = UUID("0191d3a0-0000-7000-8000-000000000001")
TEN = datetime(2026, 5, 13, 10, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def model(instants, now, plan, open_runs):
    """Return what becomes of each instant, given as (due_at, asked_at, reason or None), in order."""
    policy, fates = plan.catch_up, [reason for *_, reason in instants]
    turns = [max(asked_at for _, asked_at, _ in instants[: place + 1]) for place in range(len(instants))]
    seconds = [(now - turn).total_seconds() for turn in turns]
    fit = [place for place, fate in enumerate(fates) if fate is None]
    missed = [place for place in fit if seconds[place] > 10]
    for place in missed:
        is_kept = policy.mode == "all" or (policy.mode == "last" and place == fit[-1])
        fates[place] = None if is_kept and seconds[place] <= policy.window_seconds else "missed"
    for place in fit:
        if fates[place] is None and plan.start_deadline_seconds is not None:
            fates[place] = "deadline" if seconds[place] > plan.start_deadline_seconds else None
    for place in [place for place in missed if fates[place] is None][: -policy.max]:
        fates[place] = "over-cap"
    left = [place for place in fit if fates[place] is None]
    waiting = max(0, plan.overlap.max + 1 - open_runs)
    begun = {
        "allow": left,
        "skip": left[: open_runs == 0],
        "queue": left[:waiting],
        "cancel_running": left[-1:],
    }
    for place in set(left) - set(begun[plan.overlap.mode]):
        fates[place] = "over-cap" if plan.overlap.mode == "queue" else "overlap"
    return [(due_at, fate) for (due_at, *_), fate in zip(instants, fates, strict=True)]


def plan_of(*schedules, jitter=0.0, exclude=(), **policies) -> Plan:
    timing = Timing(schedules=schedules, exclude=exclude, jitter_seconds=jitter)
    return Plan(job_id=JOB_ID, timetable=parse_timetable(timing), **policies)


def each(outcomes, step: timedelta):
    """Take spans of evenly spaced instants apart."""
    return [(one.due_at + n * step, one.reason) for one in outcomes for n in range(one.count)]


def asked(due_at: datetime, jitter: float) -> datetime:
    """Return when an instant is asked for: a share of the jitter from the first 48 bits of its run's id."""
    run_id = uuid5(JOB_ID, str((due_at - EPOCH) // timedelta(microseconds=1)))
    return due_at + timedelta(microseconds=(run_id.int >> 80) * jitter * 1e6 // 2**48)


CATCH_UPS = [CatchUp(mode=mode, window_seconds=window, max=most) for mode in ("none", "last", "all")
             for window, most in ((900, 1000), (4 * 3600, 1000), (4 * 3600, 2))]  # fmt: skip
OVERLAPS = [
    *(Overlap(mode=mode) for mode in ("allow", "skip", "cancel_running")),
    Overlap(mode="queue", max=1),
]


@pytest.mark.parametrize(("catch_up", "overlap"), list(product(CATCH_UPS, OVERLAPS)))
@pytest.mark.parametrize("deadline", [None, 60.0, 3600.0])
@pytest.mark.parametrize(("schedule", "minutes"), [("0 * * * *", 60), ("*/5 * * * *", 5)])
def test_all_schedulers_down_for_three_hours(catch_up, overlap, deadline, schedule, minutes):
    """After 3 h without a scheduler each policy does what the model says, with and without a run still open."""
    step = timedelta(minutes=minutes)
    down, up = TEN - timedelta(minutes=55), TEN + timedelta(minutes=125)
    due = [TEN - timedelta(hours=1) + n * step for n in range(240 // minutes)]
    due = [at for at in due if down < at <= up]
    plan = plan_of(schedule, catch_up=catch_up, overlap=overlap, start_deadline_seconds=deadline)
    for open_runs in (0, 1, 2, 5):
        expected = model([(at, at, None) for at in due], up, plan, open_runs)
        decided = account(plan, due[0], up, open_runs)
        is_begun = any(fate is None for _, fate in expected)
        assert (each(decided.outcomes, step), decided.next_due_at, decided.cancels_running) == (
            expected,
            due[-1] + step,
            overlap.mode == "cancel_running" and open_runs > 0 and is_begun,
        )


def test_spans_of_an_outage():
    """Neighbours let pass for one reason are one outcome; what is run stands alone."""
    hour = timedelta(hours=1)
    plan = plan_of("0 * * * *", catch_up=CatchUp(mode="all", window_seconds=4 * 3600, max=2))
    assert account(plan, TEN - hour, TEN + 2 * hour + timedelta(minutes=5)) == Accounting(
        outcomes=(
            Outcome(TEN - hour, TEN, 2, "over-cap"),
            Outcome(TEN + hour, TEN + hour, 1),
            Outcome(TEN + 2 * hour, TEN + 2 * hour, 1),
        ),
        next_due_at=TEN + 3 * hour,
    )


@pytest.mark.parametrize(
    ("microseconds", "fate"), [(0, None), (10_000_000, None), (10_000_001, "missed"), (-1, "not yet")]
)
def test_ten_seconds_are_on_time(microseconds, fate):
    """An instant is due from its time on, and missed when it is later than ten seconds."""
    decided = account(
        plan_of("0 * * * *", catch_up=CatchUp(mode="none")), TEN, TEN + timedelta(microseconds=microseconds)
    )
    expected = [] if fate == "not yet" else [(TEN, fate)]
    assert [(one.due_at, one.reason) for one in decided.outcomes] == expected


def test_jitter_alone_makes_nothing_late():
    """An instant behind one whose jitter is longer waits for it, and is not missed for that."""
    jitter, close = 3000.0, timedelta(minutes=5)
    days = [TEN + timedelta(days=n) for n in range(400)]
    first = next(
        day for day in days if asked(day, jitter) > asked(day + close, jitter) + timedelta(seconds=11)
    )
    plan = plan_of(
        "0 10 * * *", f"5 10 {first.day} {first.month} *", jitter=jitter, catch_up=CatchUp(mode="none"),
        start_deadline_seconds=5.0,
    )  # fmt: skip
    assert account(plan, first, asked(first + close, jitter)) == Accounting((), first)
    assert account(plan, first, asked(first, jitter)).runs == (first, first + close)


def test_what_is_excluded_or_left_out_stays_so():
    """Excluded and left out instants keep their reason through every policy, and are no newest one."""
    timing = Timing(
        schedules=("30 * * * *", "30 2 29 3 *"), timezone="Europe/Berlin", dst=Dst(gap="skip"),
        exclude=("* 5 * * *", "30 5 * * *"),
    )  # fmt: skip
    plan = Plan(
        job_id=JOB_ID, timetable=parse_timetable(timing), catch_up=CatchUp(mode="last", window_seconds=86_400)
    )
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    decided = account(plan, start, datetime(2026, 3, 29, 3, 45, tzinfo=UTC))
    assert [(f"{one.due_at:%H:%M}", one.count, one.reason) for one in decided.outcomes] == [
        ("00:30", 1, "missed"),
        ("01:00", 1, "dst-gap"),
        ("01:30", 1, "missed"),
        ("02:30", 1, None),
        ("03:30", 1, "excluded"),
    ]


def test_a_schedule_that_has_ended():
    """After its last instant nothing is left to account for."""
    timing = Timing(schedules=("0 * * * *",), ends_at=TEN + timedelta(hours=1))
    plan = Plan(job_id=JOB_ID, timetable=parse_timetable(timing))
    hour = timedelta(hours=1)
    assert account(plan, TEN + hour, TEN + hour) == Accounting((Outcome(TEN + hour, TEN + hour, 1),), None)
    assert account(plan, TEN + 2 * hour, TEN + 9 * hour) == Accounting((), None)


MODES = st.sampled_from(["none", "last", "all"])
OVERLAPPING = st.builds(
    Overlap, mode=st.sampled_from(["allow", "skip", "queue", "cancel_running"]), max=st.integers(1, 5)
)


@settings(deadline=None, max_examples=300)
@given(
    period=st.sampled_from([1, 5, 30]),
    jitter=st.sampled_from([0.0, 7.5, 59.0]),
    catch_up=st.builds(CatchUp, mode=MODES, window_seconds=st.integers(0, 7200), max=st.integers(1, 20)),
    overlap=OVERLAPPING,
    deadline=st.none() | st.floats(0, 7200),
    open_runs=st.integers(0, 7),
    outage=st.timedeltas(timedelta(0), timedelta(hours=3)),
    excluded=st.none() | st.integers(10, 12),
    runs_max=st.none() | st.integers(1, 9),
)
def test_any_policy(*, period, jitter, catch_up, overlap, deadline, open_runs, outage, excluded, runs_max):
    """Whatever the policies, the outage and the open runs, each instant's outcome is the model's."""
    step, now = timedelta(minutes=period), TEN + outage
    plan = plan_of(
        f"*/{period} * * * *", jitter=jitter, exclude=() if excluded is None else (f"* {excluded} * * *",),
        catch_up=catch_up, overlap=overlap, start_deadline_seconds=deadline,
    )  # fmt: skip
    due = [TEN + n * step for n in range(200 // period)]
    instants = [(at, asked(at, jitter), "excluded" if at.hour == excluded else None) for at in due]
    ripe = [one for one in instants if one[1] <= now]
    expected = model(ripe, now, plan, open_runs)
    if runs_max is None:
        decided = account(plan, TEN, now, open_runs)
    else:
        decided = account(plan, TEN, now, open_runs, runs_max=runs_max)
        runs = [at for at, fate in expected if fate is None]
        expected = [(at, fate) for at, fate in expected if len(runs) <= runs_max or at < runs[runs_max]]
    assert (each(decided.outcomes, step), decided.next_due_at) == (expected, TEN + len(expected) * step)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    catch_up=st.builds(CatchUp, mode=MODES, window_seconds=st.integers(0, 7200), max=st.integers(1, 3)),
    overlap=OVERLAPPING,
    deadline=st.none() | st.floats(60, 7200),
    open_runs=st.integers(0, 3),
    minutes=st.integers(0, 60),
    has_exclusion=st.booleans(),
    instants_max=st.integers(5, 12),
    runs_max=st.integers(1, 5),
)
def test_batches_account_as_one(
    *, monkeypatch, catch_up, overlap, deadline, open_runs, minutes, has_exclusion, instants_max, runs_max
):
    """Many small accountings give each instant, once and in order, what a single one gives it."""
    plan = plan_of(
        "* * * * *", exclude=("*/4 * * * *",) if has_exclusion else (),
        catch_up=catch_up, overlap=overlap, start_deadline_seconds=deadline,
    )  # fmt: skip
    step, now = timedelta(minutes=1), TEN + timedelta(minutes=minutes, seconds=5)
    due = [TEN + n * step for n in range(minutes + 1)]
    whole = [(at, at, "excluded" if has_exclusion and at.minute % 4 == 0 else None) for at in due]
    with monkeypatch.context() as small:
        # Among five minutes in a row are more that no exclusion has than are caught up.
        small.setattr(accounting, "INSTANTS_MAX", instants_max * len(plan.timetable.exclusions or (1,)))
        small.setattr(accounting, "INSTANTS_MIN", 5 - catch_up.max)
        found, following, still_open = [], TEN, open_runs
        while following <= now:
            batch = account(plan, following, now, still_open, runs_max=runs_max)
            assert len(batch.runs) <= runs_max
            assert sum(one.count for one in batch.outcomes) <= max(5, instants_max)
            assert batch.next_due_at > following
            found += each(batch.outcomes, step)
            following, still_open = batch.next_due_at, still_open + len(batch.runs)
    assert (found, following) == (model(whole, now, plan, open_runs), now.replace(second=0) + step)


def test_the_cap_holds_over_batches(monkeypatch):
    """More missed instants than are looked at in one accounting run no more than the newest `catch_up.max` of all."""
    monkeypatch.setattr(accounting, "INSTANTS_MAX", 50)
    plan = plan_of("* * * * *", catch_up=CatchUp(mode="all", window_seconds=86_400, max=10))
    monkeypatch.setattr(accounting, "INSTANTS_MIN", 5)
    now, following, outcomes = TEN + timedelta(minutes=199, seconds=30), TEN, []
    while following <= now:
        batch = account(plan, following, now)
        outcomes, following = outcomes + list(batch.outcomes), batch.next_due_at
    assert sum(one.count for one in outcomes) == 200
    assert [one.due_at for one in outcomes if one.reason is None] == [
        TEN + timedelta(minutes=n) for n in range(190, 200)
    ]


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(seconds=30)])
def test_passing_over_ends_with_the_schedule(offset):
    """Letting pass up to and past the last instant of a schedule leaves none; before the first it leaves that."""
    timing = Timing(schedules=("* * * * *",), ends_at=TEN + timedelta(minutes=2))
    table, end = parse_timetable(timing), TEN + timedelta(minutes=2)
    assert pass_over(table, TEN, end + offset, "replaced") == Accounting(
        (Outcome(TEN, end, 3, "replaced"),), None
    )
    assert pass_over(table, TEN, TEN - timedelta(seconds=1), "replaced") == Accounting((), TEN)
    assert pass_over(table, end + timedelta(seconds=1), end + timedelta(days=1), "paused") == Accounting(
        (), None
    )
