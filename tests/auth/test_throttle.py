"""Whoever fails often waits: per account, per address, in database time that every process shares."""

import asyncio

import pytest

from orc_auth import throttle as throttle_module
from orc_auth.denial import Throttled
from orc_auth.throttle import ACCOUNT, ADDRESS, Throttle, account_hash, address_hash

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def throttle(pool) -> Throttle:
    return Throttle(pool)


async def fail(throttle, times, *, name="ann", address=HERE):
    for _ in range(times):
        await throttle.failed(name, address)


async def waits(throttle, name="ann", address=HERE) -> int | None:
    try:
        await throttle.check(name, address)
    except Throttled as error:
        return error.answer.retry_seconds
    return None


async def pass_time(pool, seconds):
    """Let the rows be so much older."""
    await pool.execute(
        "UPDATE failures SET last_at = last_at - make_interval(secs => $1),"
        " blocked_until = blocked_until - make_interval(secs => $1)",
        float(seconds),
    )


async def test_free_tries(throttle):
    """Nine failures cost nothing; the tenth blocks the account, from wherever it is tried, and no other."""
    await fail(throttle, ACCOUNT.free - 1)
    assert await waits(throttle) is None

    await throttle.failed("ann", THERE)

    assert [await waits(throttle, "ann", address) for address in (HERE, THERE, "2001:db8::1")] == [15] * 3
    assert await waits(throttle, "bob") is None


async def test_says_how_long(throttle):
    """The refusal is a 429 that says when to come again, and nothing else."""
    await fail(throttle, ACCOUNT.free)
    with pytest.raises(Throttled) as caught:
        await throttle.check("ann", HERE)
    answer = caught.value.answer
    assert (answer.kind, answer.code, answer.retry_seconds) == ("busy", "too-many-attempts", 15)


async def test_blocks_double(throttle, pool):
    """Each failure after a block blocks twice as long, up to a quarter of an hour."""
    await fail(throttle, ACCOUNT.free)
    blocks = []
    for _ in range(8):
        blocks.append(await waits(throttle))
        await pass_time(pool, blocks[-1])
        # However long it was blocked, nothing was forgiven meanwhile.
        await pool.execute("UPDATE failures SET last_at = clock_timestamp()")
        assert await waits(throttle) is None
        await throttle.failed("ann", HERE)
    assert blocks == [15, 30, 60, 120, 240, 480, 900, 900]


async def test_one_try_at_a_time(throttle, pool):
    """When a block has run out, one try is let through, however many come at that moment."""
    await fail(throttle, ACCOUNT.free)
    await pass_time(pool, 16)
    found = await asyncio.gather(*(waits(throttle) for _ in range(8)))
    assert sorted(found, key=bool) == [None] + [throttle_module.TRY_SECONDS_MAX] * 7


async def test_unused_try_comes_back(throttle, pool):
    """A try that was let through and came to nothing holds the next back for seconds, not for a block."""
    await fail(throttle, ACCOUNT.free)
    await pass_time(pool, 16)
    assert await waits(throttle) is None
    await pass_time(pool, throttle_module.TRY_SECONDS_MAX)
    assert await waits(throttle) is None


async def test_success_forgets_the_account(throttle, pool):
    """A right password forgets the account's failures and leaves the address its own."""
    await fail(throttle, ACCOUNT.free - 1)
    await throttle.succeeded("ann")
    await fail(throttle, ACCOUNT.free - 1)
    assert await waits(throttle) is None
    assert await pool.fetchval("SELECT failures FROM failures WHERE of_what = $1", address_hash(HERE)) == 18


async def test_forgiven_with_time(throttle, pool):
    """Failures are forgiven one by one: after one interval there is one try more, after all of them all."""
    await fail(throttle, ACCOUNT.free)
    await pass_time(pool, ACCOUNT.forgiven_seconds)
    assert await asyncio.gather(waits(throttle), waits(throttle)) == [None, None]
    await throttle.failed("ann", HERE)
    assert await waits(throttle) == 15

    await pass_time(pool, ACCOUNT.free * ACCOUNT.forgiven_seconds)
    await fail(throttle, ACCOUNT.free - 1)
    assert await waits(throttle) is None


async def test_address(throttle):
    """An address bears ten times as much, over all the names it tried, and then is blocked for every name."""
    for number in range(ADDRESS.free):
        await throttle.failed(f"name {number}", HERE)
    assert [await waits(throttle, "ann", HERE), await waits(throttle, None, HERE)] == [15, 15]
    assert await waits(throttle, "ann", THERE) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unix", "unix", True),
    ],
)
def test_what_an_address_is(one, other, same):
    """An IPv6 network of 64 bits is one address, and an IPv4 address is itself in either form."""
    assert (address_hash(one) == address_hash(other)) is same


async def test_shared_and_kept(throttle, pool):
    """Another process, or the same after a restart, knows of the failures."""
    await fail(throttle, ACCOUNT.free)
    assert await waits(Throttle(pool)) == 15


async def test_no_name_rests_in_clear(throttle, pool):
    """What was typed as a name is kept as a hash."""
    await throttle.failed("my password, by mistake", HERE)
    rows = {bytes(row["of_what"]) for row in await pool.fetch("SELECT of_what FROM failures")}
    assert rows == {account_hash("my password, by mistake"), address_hash(HERE)}


async def test_purge(throttle, pool, monkeypatch):
    """Rows that are forgiven go, as they are counted; past the limit those with the fewest failures go first."""
    monkeypatch.setattr(throttle_module, "PURGE_EVERY", 3)
    await fail(throttle, 1, name="old")
    await pass_time(pool, ACCOUNT.forgiven_seconds + 1)
    await fail(throttle, 2, name="new")
    kept = {bytes(row["of_what"]) for row in await pool.fetch("SELECT of_what FROM failures")}
    assert kept == {account_hash("new"), address_hash(HERE)}

    monkeypatch.setattr(throttle_module, "ROWS_MAX", 1)
    await fail(throttle, 3, name="newest", address=THERE)
    kept = {bytes(row["of_what"]) for row in await pool.fetch("SELECT of_what FROM failures")}
    assert kept == {account_hash("newest")} or kept == {address_hash(THERE)}
