"""Another release of the tz database moves what is to come, and nothing that is over."""

from datetime import timedelta

from orc_domain.zones import TZDATA
from orc_scheduler.tz_release import follow_release

DUE = "SELECT next_due_at, wake_at FROM jobs ORDER BY job_id"


async def test_what_is_to_come_is_worked_out_anew(parts):
    """A row that waits for another instant than today's rules name gets the right one, once; what is due stays due."""
    await parts.create(schedule="@yearly", timezone="Europe/Berlin")
    late = await parts.create(schedule="@yearly")
    before = await parts.rows(DUE)
    await parts.pool.execute(
        "UPDATE jobs SET next_due_at = next_due_at + interval '1 hour', wake_at = wake_at + interval '1 hour'"
    )
    due_at = await parts.make_due(late, 5)
    assert await follow_release(parts.pool, "2030.1") == 1
    after = await parts.rows(DUE)
    assert sorted(after) == sorted([(due_at, due_at), *[row for row in before if row[0].hour == 23]])
    await parts.pool.execute("UPDATE jobs SET next_due_at = next_due_at + interval '1 hour'")
    assert await follow_release(parts.pool, "2030.1") == 0


async def test_batches(parts, monkeypatch):
    """However many rows there are, each is looked at."""
    monkeypatch.setattr("orc_scheduler.tz_release.BATCH_MAX", 2)
    for _ in range(5):
        await parts.create(schedule="@yearly")
    await parts.pool.execute("UPDATE jobs SET next_due_at = next_due_at + interval '1 hour'")
    assert await follow_release(parts.pool, "2030.1") == 5
    ((due_at, wake_at), *_) = await parts.rows(DUE)
    assert (due_at, wake_at - due_at) == (due_at.replace(hour=0), timedelta(0))


async def test_same_release(parts):
    """A calendar that today's release worked out is left alone."""
    await follow_release(parts.pool)
    await parts.create(schedule="@yearly")
    await parts.pool.execute("UPDATE jobs SET next_due_at = next_due_at + interval '1 hour'")
    assert (await follow_release(parts.pool), await parts.rows("SELECT name FROM tz_release")) == (
        0,
        [(TZDATA,)],
    )
