"""An account and its event are one fact; who may make one depends on the mode."""

import asyncio

import asyncpg
import pytest
from auth import wishes
from auth.wishes import STRONG, register, said
from support.servers import execute

from orc_auth import accounts as accounts_module
from orc_auth.denial import Denied, Forbidden, NotByKey, RegistrationClosed, Unauthorized, UsernameTaken
from orc_auth.transactions import in_transaction
from orc_runtime.auth_messages.accounts import ListUsers
from orc_runtime.settings import Secret


async def names(pool) -> list[str]:
    return [row["username"] for row in await pool.fetch("SELECT username FROM accounts ORDER BY created_at")]


@pytest.fixture
async def accounts(make_identity):
    """Give the accounts of an installation that is open to everybody."""
    return (await make_identity(is_open=True)).accounts


async def test_register(pool, accounts):
    """Where it is open, the reference's example password will do; the event has nothing of it."""
    made = await accounts.register(register(" MyUser "))

    user_id = made.user_id
    assert (made.username, made.role, made.is_active) == ("MyUser", "operator", True)
    assert made.created_at == made.updated_at
    assert await said(pool, "user") == [
        ("user.registered", "anonymous", {"user_id": str(user_id), "username": "MyUser", "role": "operator"})
    ]


async def test_name_taken(pool, accounts):
    """A name that differs in case alone is taken; nothing more is recorded."""
    await accounts.register(register("Straße"))

    with pytest.raises(UsernameTaken) as caught:
        await accounts.register(register("STRASSE"))

    assert (caught.value.answer.kind, caught.value.answer.code) == ("conflict", "username-taken")
    assert (await names(pool), len(await said(pool, "user"))) == (["Straße"], 1)


async def test_a_commit_whose_answer_was_lost(pool, accounts, monkeypatch):
    """The second try finds what the first one made, and makes nothing twice."""

    async def twice(pool, work):
        await in_transaction(pool, work)
        return await in_transaction(pool, work)

    monkeypatch.setattr("orc_auth.accounts.in_transaction", twice)
    made = await accounts.register(register("MyUser"))

    assert (made.username, await names(pool), len(await said(pool, "user"))) == ("MyUser", ["MyUser"], 1)


async def test_many_at_once(pool, accounts):
    """Of many who want one name at the same moment one gets it."""
    outcomes = await asyncio.gather(
        *(accounts.register(register()) for _ in range(8)), return_exceptions=True
    )

    taken = [outcome for outcome in outcomes if isinstance(outcome, UsernameTaken)]
    assert (len(outcomes) - len(taken), len(await said(pool, "user"))) == (1, 1)


async def test_no_account_without_its_event(database, pool, accounts):
    """When the log refuses the event, there is no account either."""
    await execute(database.superuser_url, "DELETE FROM log.rights WHERE type = 'user.registered'")

    with pytest.raises(Exception, match=r"may not append user\.registered"):
        await accounts.register(register())

    assert (await names(pool), await said(pool, "user")) == ([], [])


async def test_broken_connections(database, pool, accounts):
    """Connections that broke while idle in the pool cost no registration."""
    await execute(
        database.superuser_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'orc_auth' AND datname = current_database()",
    )

    await accounts.register(register())

    assert await names(pool) == ["myuser"]


async def test_lost_commit(pool, accounts, monkeypatch):
    """When the connection breaks around the commit, asking again tells that it was done."""
    in_transaction, lost = accounts_module.in_transaction, []

    async def commit_and_lose(pool, work):
        lost.append(await in_transaction(pool, work))
        raise asyncpg.ConnectionDoesNotExistError

    async def commit_and_ask_again(pool, work):
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await commit_and_lose(pool, work)
        return await in_transaction(pool, work)

    monkeypatch.setattr(accounts_module, "in_transaction", commit_and_ask_again)
    made = await accounts.register(register())

    assert ([made], len(await said(pool, "user"))) == (lost, 1)


async def test_registration_is_closed(identity, admin, pool):
    """Where a login is needed nobody registers but by an admin, whatever they send."""
    _, operator = await wishes.person(identity, admin, "bob")
    narrow = (await wishes.key_of(identity, admin, "users:read")).key
    before = await names(pool)

    for authority in (None, Secret(""), Secret("x.y.z"), Secret("ü"), wishes.BOOTSTRAP, operator, narrow):
        with pytest.raises(RegistrationClosed) as caught:
            await identity.accounts.register(register("eve", STRONG, authority=authority))
        assert caught.value.answer.code == "registration-closed"

    assert await names(pool) == before


async def test_an_admin_registers_an_operator(identity, admin, pool):
    """What an admin registers is an operator, and the log says who it was."""
    made = await identity.accounts.register(register("bob", STRONG, authority=admin))

    assert made.role == "operator"
    assert [actor for _, actor, _ in await said(pool, "user")] == ["anonymous", "user:root"]


async def test_an_admin_adds_any_role(identity, admin):
    """Who is added has the role that was said."""
    made = [
        await identity.accounts.add(wishes.add(admin, role, role)) for role in ("viewer", "operator", "admin")
    ]
    assert [account.role for account in made] == ["viewer", "operator", "admin"]


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_others_add_and_list_nobody(identity, admin, role):
    """Neither without a credential nor as less than an admin."""
    _, lesser = await wishes.person(identity, admin, "bob", role)
    wanted = [(None, Unauthorized), (lesser, Forbidden)]
    for authority, error in wanted:
        with pytest.raises(error):
            await identity.accounts.add(wishes.add(authority, "eve"))
        with pytest.raises(error):
            await identity.accounts.list(ListUsers(authority=authority, limit=10))


async def test_a_key_makes_no_admin(identity, admin):
    """A key whose scopes allow it makes users, but nobody who could make keys for more."""
    key = (await wishes.key_of(identity, admin, "users:write")).key

    assert (await identity.accounts.add(wishes.add(key, "bob"))).role == "operator"
    with pytest.raises(NotByKey):
        await identity.accounts.add(wishes.add(key, "eve", "admin"))


async def test_list(identity, admin):
    """Accounts come by pages, the oldest first, with how many there are."""
    for name in ("ann", "bob", "cid"):
        await identity.accounts.add(wishes.add(admin, name))

    first = await identity.accounts.list(ListUsers(authority=admin, limit=2))
    second = await identity.accounts.list(
        ListUsers(authority=admin, limit=2, after=first.accounts[-1].user_id)
    )

    assert [account.username for account in first.accounts + second.accounts] == ["root", "ann", "bob", "cid"]
    assert first.total == 4


@pytest.mark.parametrize("password", ["mypassword", "short", "root root root", "orc-nats-ator"])
async def test_weak_passwords_where_a_login_is_needed(identity, admin, password):
    """What is easy to guess, also from the account's name or ours, is refused, naming the field."""
    with pytest.raises(Denied) as caught:
        await identity.accounts.add(wishes.add(admin, "root root", password=password))
    assert (caught.value.answer.kind, caught.value.answer.field) == ("invalid", "password")
