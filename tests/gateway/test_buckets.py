"""However processes take their hands of tokens, together they never let more through than the bucket gives."""

import asyncio
import os
from contextlib import asynccontextmanager

import asyncpg
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st

from orc_events.statements import load
from orc_gateway.buckets import HELD_SECONDS, Hand, Limit

TAKE = load("orc_gateway", "take_tokens", "queries")
EXAMPLES = 100 * (10 if os.environ.get("ORC_FAULTS") else 1)

limits = st.builds(
    Limit, st.just("x"), st.floats(0.5, 500).map(lambda rate: round(rate, 2)), st.integers(1, 150)
)
steps = st.lists(st.tuples(st.integers(0, 2), st.floats(0, 0.3), st.integers(1, 40)), min_size=1, max_size=25)
"""Which process, how long after the step before, how many requests at once."""


@asynccontextmanager
async def _connected(url):
    connection = await asyncpg.connect(url, server_settings={"search_path": "read"})
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def bucket(database):
    """Give a way to take tokens at a time of one's own, from the statement that is used."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_connected(database.url("orc_gateway"))) as connection,
    ):
        yield lambda *arguments: portal.call(connection.fetchrow, TAKE, *arguments)


def spent_times(bucket, name, limit, plan):
    """Let processes ask as planned; return when each token was spent."""
    hands, now, spent = [Hand(limit) for _ in range(3)], 1_000_000.0, []
    for who, pause, requests in plan:
        now += pause
        for _ in range(requests):
            hand = hands[who]
            hand.ask(now)
            if hand.spend(now):
                spent.append(now)
            elif not hand.refused_for(now):
                wanted = hand.wanted()
                row = bucket(name, wanted, limit.rate, limit.burst, hand.held_for(wanted), now)
                if hand.take(row["granted"], row["full_in"], wanted=wanted, asked_at=now):
                    spent.append(now)
    return spent


def test_no_window_has_more(bucket):
    """In every window of time at most rate x t + burst requests pass, over all processes."""
    tries = iter(range(10**9))

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(limits, steps)
    def holds(limit, plan):
        spent = spent_times(bucket, f"try {next(tries)}", limit, plan)
        assert spent, "nobody ever got a token"
        for first in range(len(spent)):
            for last in range(first, len(spent)):
                allowed = limit.rate * (spent[last] - spent[first]) + limit.burst
                assert last - first + 1 <= allowed + 1e-3

    holds()


def test_what_is_promised_is_given(bucket):
    """One process that asks without end gets the burst, less one hand at most, and then the rate."""
    for rate, burst in [(1.0, 60), (5.0, 10), (200.0, 400), (0.5, 1)]:
        limit = Limit("x", rate, burst)
        at_once = spent_times(bucket, f"at once {rate}", limit, [(0, 0.0, burst + 50)])
        assert burst - rate * HELD_SECONDS - 1 <= len(at_once) <= burst
        steady = spent_times(bucket, f"steady {rate}", limit, [(0, 0.01, 50)] * 1000)
        assert 0.9 * (burst + rate * 10) - 1 <= len(steady) <= burst + rate * 10 + 1


def test_quiet_callers_lose_nothing(bucket):
    """Three processes asked less than the rate refuse nobody and leave the burst whole: hands fit what is asked."""
    limit = Limit("x", 200.0, 400)
    plan = [(turn % 3, 1 / 150, 1) for turn in range(1000)]
    assert (
        len(spent_times(bucket, "quiet", limit, [*plan, (0, 0.2, 1000)])) >= 1000 + 400 - 2 * limit.hand_max
    )


def test_a_full_bucket_and_a_hand(bucket):
    """A hand held while the bucket fills again does not come on top of the burst: its taking has forfeited as much."""
    limit = Limit("x", 200.0, 400)
    for asked in range(1, 40):
        plan = [(0, 0.0, asked), (0, 0.099, limit.hand_max), (1, 0.0, 500)]
        spent = spent_times(bucket, f"after {asked}", limit, plan)
        assert spent.count(spent[-1]) <= limit.burst


def test_a_hand_is_not_kept():
    """Tokens that were not spent in time are not spent later."""
    hand = Hand(Limit("x", 200.0, 400))
    assert hand.take(10, 0.0, wanted=10, asked_at=5.0)
    assert hand.spend(5.0 + HELD_SECONDS / 2)
    assert not hand.spend(5.0 + HELD_SECONDS)


def test_takings_at_one_moment(database, portal):
    """Many connections that take at once share what one bucket has."""

    async def take_all():
        async with asyncpg.create_pool(
            database.url("orc_gateway"), min_size=4, max_size=4, server_settings={"search_path": "read"}
        ) as pool:
            rows = await asyncio.gather(
                *(pool.fetchrow(TAKE, "b", 3, 0.001, 50, 0.0, None) for _ in range(40))
            )
        return sum(row["granted"] for row in rows)

    assert portal.call(take_all) == 50
