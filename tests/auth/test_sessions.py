"""A session goes on by tokens that are good once, and what is over is over."""

import asyncio
from uuid import uuid4

import pytest
from support.servers import execute

from orc_auth.denial import BadCredentials, Denied, Unauthorized
from orc_auth.sessions import SESSIONS_MAX, RefreshReused, end_sessions
from orc_auth.trust import Trusted
from orc_events.event import Position
from orc_events.log import PostgresLog
from orc_runtime.auth_messages import trust as trust_messages
from orc_runtime.auth_messages.sessions import LogIn, LogOut, Opened, Refresh
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken, Verifier


def login(password="right", username="ann") -> LogIn:
    return LogIn(request_id=uuid4(), username=username, password=Secret(password), address="192.0.2.1")


def refresh(opened: Opened) -> Refresh:
    return Refresh(request_id=uuid4(), refresh_token=opened.refresh_token)


@pytest.fixture
def trusted(pool, keys):
    return Trusted(pool, keys, token_seconds=900)


@pytest.fixture
def who(trusted):
    """Say whom a token speaks for, as a verifier with the newest news does."""

    async def judge(opened: Opened):
        return Verifier(await trusted.tell()).verify(opened.token.reveal())

    return judge


async def types(pool) -> list[str]:
    recorded = await PostgresLog(pool).read(Position(0), 1000)
    return [event.type for event in recorded if event.stream.startswith("session-")]


async def later(database, seconds: float) -> None:
    """Let time pass for all that was issued."""
    for table, columns in (
        ("sessions", ("expires_at", "ended_at")),
        ("refresh_tokens", ("expires_at", "used_at")),
    ):
        moved = ", ".join(f"{column} = {column} - interval '{seconds} s'" for column in columns)
        await execute(database.superuser_url, f"UPDATE auth.{table} SET {moved}")


async def test_the_right_password_opens_a_session(sessions, ann, who, pool):
    """Its token names the account, its role and the session; the log says so, without either token."""
    user = await ann("viewer")
    opened = await sessions.log_in(login())
    principal = await who(opened)
    assert (principal.subject, principal.user_id, principal.role) == ("user:ann", user.user_id, "viewer")
    recorded = await PostgresLog(pool).read(Position(0), 100)
    [event] = [one for one in recorded if one.type == "session.opened"]
    assert (event.stream, event.actor) == (f"session-{principal.session_id}", "user:ann")
    assert opened.refresh_token.reveal() not in event.data


async def test_only_hashes_of_refresh_tokens_rest(sessions, ann, pool):
    """Whoever reads the table has nothing to send."""
    await ann()
    opened = await sessions.log_in(login())
    rows = await pool.fetch("SELECT r::text AS row FROM refresh_tokens r")
    assert len(rows) == 1
    assert opened.refresh_token.reveal() not in rows[0]["row"]


@pytest.mark.parametrize(
    ("password", "username"), [("wrong", "ann"), ("right", "bob"), ("", "ann"), ("right", "\0")]
)
async def test_anything_else_opens_none(sessions, ann, pool, password, username):
    """And it is one and the same refusal."""
    await ann()
    with pytest.raises(BadCredentials):
        await sessions.log_in(login(password, username))
    assert await pool.fetchval("SELECT count(*) FROM sessions") == 0


async def test_an_account_that_is_not_active_opens_none(sessions, ann, pool):
    """The right password does not tell that it is right."""
    await ann()
    await pool.execute("UPDATE accounts SET is_active = false")
    with pytest.raises(BadCredentials):
        await sessions.log_in(login())


async def test_refreshing_goes_on_with_the_same_session(sessions, ann, who):
    """Each refresh token gives the next two tokens; the role is the account's of now."""
    await ann()
    first = await sessions.log_in(login())
    second = await sessions.refresh(refresh(first))
    third = await sessions.refresh(refresh(second))
    assert len({(await who(one)).session_id for one in (first, second, third)}) == 1
    assert len({one.refresh_token.reveal() for one in (first, second, third)}) == 3


async def test_a_refresh_token_that_comes_again_ends_the_session(  # noqa: PLR0917
    sessions, ann, who, pool, database, told
):
    """Both who have it are out: the replayed token, the one made of it, and the access tokens; the log says why."""
    await ann()
    first = await sessions.log_in(login())
    second = await sessions.refresh(refresh(first))
    await later(database, 3)
    with pytest.raises(RefreshReused):
        await sessions.refresh(refresh(first))
    with pytest.raises(Unauthorized):
        await sessions.refresh(refresh(second))
    for opened in (first, second):
        with pytest.raises(InvalidToken):
            await who(opened)
    assert await types(pool) == ["session.opened", "session.ended"]
    assert await pool.fetchval("SELECT ended_why FROM sessions") == "reuse"
    assert len(told) == 1


async def test_two_at_once_with_one_refresh_token(sessions, ann, who, told):
    """Exactly one goes on; so soon after another it is taken for the same client, and nothing ends."""
    await ann()
    first = await sessions.log_in(login())
    outcomes = await asyncio.gather(
        *(sessions.refresh(refresh(first)) for _ in range(5)), return_exceptions=True
    )
    [opened] = [one for one in outcomes if isinstance(one, Opened)]
    refused = [one.answer.code for one in outcomes if isinstance(one, Denied)]
    assert refused == ["refresh-raced"] * 4
    assert (await who(opened)).subject == "user:ann"
    await sessions.refresh(refresh(opened))
    assert told == []


async def test_who_comes_second_waits_for_the_first(sessions, ann, pool):
    """Two that read the token at the very same moment go one after the other: one of them is too late."""
    await ann()
    first = await sessions.log_in(login())
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("SELECT FROM sessions FOR UPDATE")
        both = [asyncio.create_task(sessions.refresh(refresh(first))) for _ in range(2)]
        async with asyncio.timeout(10):
            while await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
                continue
        await transaction.rollback()
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Denied", "Opened"]


@pytest.mark.parametrize("seconds", [3601, 86_401])
async def test_a_session_that_nobody_refreshes_is_over(sessions, ann, database, seconds):
    """Its refresh token expires, and however often it is refreshed the session does."""
    await ann()
    opened = await sessions.log_in(login())
    await later(database, seconds)
    with pytest.raises(Unauthorized):
        await sessions.refresh(refresh(opened))


async def test_an_access_token_never_outlives_its_session(sessions, ann, who, database):
    """Refreshed a minute before the end it is good for a minute."""
    await ann()
    opened = await sessions.log_in(login())
    await execute(
        database.superuser_url,
        "UPDATE auth.sessions SET expires_at = clock_timestamp() + interval '60 s'",
    )
    last = await sessions.refresh(refresh(opened))
    assert last.expires_at < opened.expires_at


async def test_an_unknown_refresh_token_is_refused(sessions):
    """Without ending or telling anything."""
    with pytest.raises(Unauthorized):
        await sessions.refresh(Refresh(request_id=uuid4(), refresh_token=Secret("orcr_nothing")))


async def test_logging_out_ends_this_session_or_all(sessions, ann, who, told):
    """The others of the person go on, unless all were meant."""
    await ann()
    here, there, third = [await sessions.log_in(login()) for _ in range(3)]
    await sessions.log_out(await who(here), LogOut(request_id=uuid4(), authority=here.token))
    with pytest.raises(InvalidToken):
        await who(here)
    assert await who(there)
    await sessions.log_out(await who(there), LogOut(request_id=uuid4(), authority=there.token, which="all"))
    for opened in (there, third):
        with pytest.raises(InvalidToken):
            await who(opened)
    assert len(told) == 2


async def test_an_account_has_so_many_sessions_at_most(sessions, ann, who, pool, monkeypatch):
    """One more ends the oldest."""
    monkeypatch.setattr("orc_auth.sessions.SESSIONS_MAX", 2)
    assert SESSIONS_MAX > 100
    await ann()
    first, second, third = [await sessions.log_in(login()) for _ in range(3)]
    with pytest.raises(InvalidToken):
        await who(first)
    assert await who(second)
    assert await who(third)
    assert await types(pool) == ["session.opened"] * 3 + ["session.ended"]


async def test_what_ends_with_the_account_is_said_for_each_session(sessions, ann, pool, who):
    """In the transaction of whoever changes the account."""
    user = await ann()
    opened = [await sessions.log_in(login()) for _ in range(2)]
    async with pool.acquire() as connection, connection.transaction():
        said = await end_sessions(connection, user.user_id, "account")
    assert len(said) == 2
    for one in opened:
        with pytest.raises(InvalidToken):
            await who(one)


async def test_too_many_ends_to_be_listed_void_what_is_old(sessions, ann, trusted, monkeypatch):
    """Then every token from before the oldest that is not listed is to be refreshed: none that was ended is taken."""
    await ann()
    opened = [await sessions.log_in(login()) for _ in range(3)]
    verifier = Verifier(await trusted.tell())
    for one in opened:
        await sessions.log_out(
            verifier.verify(one.token.reveal()), LogOut(request_id=uuid4(), authority=one.token)
        )
    living = await sessions.log_in(login())
    monkeypatch.setattr("orc_auth.trust.ENDED_MAX", 2)
    assert trust_messages.ENDED_MAX > 10_000
    news = await trusted.tell()
    assert len(news.ended) == 2
    for one in opened:
        with pytest.raises(InvalidToken):
            Verifier(news).verify(one.token.reveal())
    # It may be of the same second, which is all a token tells; refreshed a second later it is taken.
    again = await sessions.refresh(refresh(living))
    assert again.token


async def test_news_of_an_end_last_as_long_as_its_tokens(sessions, ann, trusted, database):
    """Then the session is listed no more, and its tokens have expired by themselves."""
    await ann()
    opened = await sessions.log_in(login())
    principal = Verifier(await trusted.tell()).verify(opened.token.reveal())
    await sessions.log_out(principal, LogOut(request_id=uuid4(), authority=opened.token))
    await later(database, 900)
    assert (await trusted.tell()).ended == (principal.session_id,)
    await later(database, 60)
    assert (await trusted.tell()).ended == ()
