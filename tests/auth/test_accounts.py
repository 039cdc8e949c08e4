"""An account and its event are one fact; a login teaches nothing about who exists."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4, uuid5

import asyncpg
import jwt
import pytest
from argon2 import Parameters
from argon2.low_level import Type
from support.servers import execute

from orc_auth.accounts import Accounts
from orc_auth.denial import BadCredentials, Busy, RegistrationClosed, UsernameTaken
from orc_auth.passwords import Passwords
from orc_auth.tokens import verifying_keys
from orc_events.event import Position
from orc_events.log import PostgresLog
from orc_runtime.auth_messages import LogIn, RegisterUser
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret
from orc_runtime.tokens import Verifier

REQUEST = UUID("00000000-0000-4000-8000-000000000001")
DEARER = Parameters(Type.ID, 19, 16, 32, 2, 16, 1)


def wish(username="myuser", password="mypassword", request_id=None, authority=None) -> RegisterUser:
    return RegisterUser(
        request_id=request_id or uuid4(), username=username, password=Secret(password), authority=authority
    )


def login(username="myuser", password="mypassword") -> LogIn:
    return LogIn(username=username, password=Secret(password))


async def events(pool) -> list[tuple[str, str, dict[str, object]]]:
    recorded = await PostgresLog(pool).read(Position(0), 100)
    return [(event.stream, event.actor, json.loads(event.data)) for event in recorded]


async def names(pool) -> list[str]:
    return [row["username"] for row in await pool.fetch("SELECT username FROM accounts ORDER BY created_at")]


async def test_register(pool, make_accounts):
    """The account and the event are there, the event without anything of the password."""
    registered = await make_accounts().register(wish(" MyUser ", request_id=REQUEST))

    user_id = uuid5(REQUEST, "user")
    assert (registered.user_id, registered.username) == (user_id, "MyUser")
    assert registered.created_at == registered.updated_at
    assert await events(pool) == [
        (
            f"user-{user_id}",
            "anonymous",
            {"type": "user.registered", "user_id": str(user_id), "username": "MyUser", "role": "operator"},
        )
    ]


async def test_name_taken(pool, make_accounts):
    """A name that differs in case alone is taken; nothing more is recorded."""
    accounts = make_accounts()
    await accounts.register(wish("Straße"))

    with pytest.raises(UsernameTaken) as caught:
        await accounts.register(wish("STRASSE"))

    assert (caught.value.answer.kind, caught.value.answer.code) == ("conflict", "username-taken")
    assert (await names(pool), len(await events(pool))) == (["Straße"], 1)


async def test_same_request_again(pool, make_accounts):
    """A request repeated because its answer was lost gets the same answer, and makes nothing twice."""
    accounts = make_accounts()
    first = await accounts.register(wish(request_id=REQUEST))

    assert await accounts.register(wish(request_id=REQUEST)) == first
    assert len(await events(pool)) == 1


async def test_many_at_once(pool, make_accounts):
    """Of many who want one name at the same moment one gets it."""
    accounts = make_accounts()
    outcomes = await asyncio.gather(*(accounts.register(wish()) for _ in range(8)), return_exceptions=True)

    taken = [outcome for outcome in outcomes if isinstance(outcome, UsernameTaken)]
    assert (len(outcomes) - len(taken), len(await events(pool))) == (1, 1)


async def test_no_account_without_its_event(database, pool, make_accounts):
    """When the log refuses the event, there is no account either."""
    await execute(database.superuser_url, "DELETE FROM log.rights WHERE role = 'orc_auth'")

    with pytest.raises(Exception, match=r"may not append user\.registered"):
        await make_accounts().register(wish())

    assert (await names(pool), await events(pool)) == ([], [])


async def test_broken_connections(database, pool, make_accounts):
    """Connections that broke while idle in the pool cost no registration."""
    accounts = make_accounts()
    await execute(
        database.superuser_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'orc_auth' AND datname = current_database()",
    )

    await accounts.register(wish())

    assert await names(pool) == ["myuser"]


async def test_lost_commit(pool, make_accounts, monkeypatch):
    """When the connection breaks around the commit, asking again tells that it was done."""
    insert, lost = Accounts._insert, []

    async def insert_and_lose(self, *wanted):
        registered = await insert(self, *wanted)
        if not lost:
            lost.append(registered)
            raise asyncpg.ConnectionDoesNotExistError
        return registered

    monkeypatch.setattr(Accounts, "_insert", insert_and_lose)
    registered = await make_accounts().register(wish())

    assert ([registered], len(await events(pool))) == (lost, 1)


async def test_log_in(pool, make_accounts, clock):
    """The right password gets a token that speaks for its user, for fifteen minutes."""
    accounts = make_accounts()
    registered = await accounts.register(wish("MyUser"))

    token = (await accounts.log_in(login("myUSER"))).token.reveal()

    verifier = Verifier((await verifying_keys(pool, 900)).keys)
    assert verifier.verify(token) == Principal(
        subject="user:MyUser", user_id=registered.user_id, role="operator"
    )
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iat"], claims["exp"] - claims["iat"]) == (int(clock.now().timestamp()), 900)
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


async def test_old_token(pool, make_accounts, clock):
    """A token of a time past is not accepted any more."""
    accounts = make_accounts()
    await accounts.register(wish())
    clock.advance(timedelta(seconds=-911))
    token = (await accounts.log_in(login())).token.reveal()

    with pytest.raises(Exception, match="invalid or has expired"):
        Verifier((await verifying_keys(pool, 900)).keys).verify(token)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("myuser", "wrong"),
        ("nobody", "mypassword"),
        ("nobody", "nobody's password"),
        ("", "mypassword"),
        ("x" * 65, "mypassword"),
        ("myuser", ""),
        ("myuser", "x" * 1025),
    ],
)
async def test_bad_credentials(make_accounts, username, password):
    """Whatever is wrong, name or password, known or not, the answer is one and the same."""
    accounts = make_accounts()
    await accounts.register(wish())

    with pytest.raises(BadCredentials) as caught:
        await accounts.log_in(login(username, password))

    assert caught.value.answer.detail == "the username or the password is wrong"


async def test_unknown_user_costs_a_hash(make_accounts, monkeypatch):
    """An unknown name is not answered faster: a password is verified for it too."""
    verified: list[str | None] = []
    verify = Passwords.verify

    async def watched(self, password, password_hash):
        verified.append(password_hash)
        return await verify(self, password, password_hash)

    monkeypatch.setattr(Passwords, "verify", watched)
    with pytest.raises(BadCredentials):
        await make_accounts().log_in(login("nobody"))

    assert verified == [None]


async def test_rehash(pool, make_accounts):
    """A login renews a hash of another cost, keeping the password."""
    await make_accounts().register(wish())
    before = await pool.fetchval("SELECT password_hash FROM accounts")
    dearer = Passwords(hashes_max=1, parameters=DEARER)
    try:
        accounts = make_accounts(passwords=dearer)
        await accounts.log_in(login())
        after = await pool.fetchval("SELECT password_hash FROM accounts")
        await accounts.log_in(login())
        unchanged = await pool.fetchval("SELECT password_hash FROM accounts")
    finally:
        dearer.close()

    assert ("t=1,p=1" in before, "m=16,t=2,p=1" in after, unchanged == after) == (True, True, True)


async def test_rehash_never_fails_a_login(pool, make_accounts, monkeypatch):
    """When there is no time to renew a hash, the login is right all the same."""
    await make_accounts().register(wish())
    dearer = Passwords(hashes_max=1, parameters=DEARER)

    async def busy(_password):
        raise Busy

    monkeypatch.setattr(dearer, "hash", busy)
    try:
        assert (await make_accounts(passwords=dearer).log_in(login())).token.reveal()
    finally:
        dearer.close()


async def test_closed(pool, make_accounts):
    """In required mode nobody registers without authority, nor with a wrong or a lesser one."""
    await make_accounts().register(wish("ann"))
    lesser = (await make_accounts().log_in(login("ann"))).token
    accounts = make_accounts(is_open=False, bootstrap_secret=Secret("bootstrap"))

    for authority in (None, Secret("bootstra"), Secret("x.y.z"), Secret("ü"), lesser):
        with pytest.raises(RegistrationClosed):
            await accounts.register(wish("eve", "a password long enough", authority=authority))

    assert await names(pool) == ["ann"]


async def test_first_admin(pool, make_accounts):
    """The bootstrap secret makes the first admin, once, whoever comes at the same moment; the admin makes users."""
    bootstrap = Secret("bootstrap")
    accounts = make_accounts(is_open=False, bootstrap_secret=bootstrap)
    strong = "a password long enough"

    outcomes = await asyncio.gather(
        *(accounts.register(wish(name, strong, authority=bootstrap)) for name in ("ann", "eve", "joe")),
        return_exceptions=True,
    )
    [admin] = [outcome for outcome in outcomes if not isinstance(outcome, RegistrationClosed)]
    token = (await accounts.log_in(login(admin.username, strong))).token
    await accounts.register(wish("bob", strong, authority=token))

    assert [
        row[:] for row in await pool.fetch("SELECT username, role FROM accounts ORDER BY created_at")
    ] == [
        (admin.username, "admin"),
        ("bob", "operator"),
    ]
    assert [actor for _, actor, _ in await events(pool)] == ["anonymous", f"user:{admin.username}"]


async def test_no_bootstrap_secret(make_accounts):
    """Without a bootstrap secret an empty one opens nothing."""
    with pytest.raises(RegistrationClosed):
        await make_accounts(is_open=False).register(wish(password="long enough, this", authority=Secret("")))
