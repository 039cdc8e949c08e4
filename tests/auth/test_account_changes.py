"""What changes of an account is said once, ends its sessions, and never leaves an installation without an admin."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from auth import wishes
from auth.wishes import HERE, STRONG, change, change_password, said

from orc_auth import account_changes as changes_module
from orc_auth.denial import (
    BadCredentials,
    Denied,
    Forbidden,
    LastAdmin,
    Missing,
    NotByKey,
    Throttled,
    Unauthorized,
    WrongPassword,
)
from orc_auth.throttle import ACCOUNT
from orc_runtime.auth_messages.api_keys import WhoseKey
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken, Verifier

NEW = "another long pass phrase"


@pytest.fixture
async def bob(identity, admin):
    """Make an operator; give account and token."""
    return await wishes.person(identity, admin, "bob")


async def is_taken(identity, token: Secret) -> bool:
    try:
        Verifier(await identity.trusted.tell()).verify(token.reveal())
    except InvalidToken:
        return False
    return True


async def test_role(identity, admin, bob, pool, told):
    """Another role is an event by who gave it; what was signed for the old role is void, and verifiers are told."""
    account, token = bob
    before = len(told)

    changed = await identity.changes.change(change(admin, account.user_id, role="viewer"))

    assert (changed.role, changed.is_active, changed.username) == ("viewer", True, "bob")
    assert (await said(pool, "user"))[-1] == (
        "user.role_changed", "user:root", {"user_id": str(account.user_id), "role": "viewer"},
    )  # fmt: skip
    assert (await is_taken(identity, token), len(told) - before) == (False, 1)
    assert (await said(pool, "session"))[-1][2]["why"] == "account"


async def test_deactivated(identity, admin, bob, pool):
    """Nothing of a deactivated account is taken, neither password nor token nor key; activated, it logs in again."""
    account, token = bob
    key = (await wishes.key_of(identity, token, "*")).key

    await identity.changes.change(change(admin, account.user_id, is_active=False))
    assert not await is_taken(identity, token)
    with pytest.raises(BadCredentials):
        await identity.sessions.log_in(wishes.login("bob"))
    with pytest.raises(Denied, match="invalid or has expired"):
        await identity.api_keys.whose(WhoseKey(key=key))

    await identity.changes.change(change(admin, account.user_id, is_active=True))
    assert await wishes.token(identity, "bob")
    assert (await identity.api_keys.whose(WhoseKey(key=key))).principal.role == "operator"
    assert [kind for kind, _, _ in await said(pool, "user")][-2:] == ["user.deactivated", "user.activated"]


async def test_new_password_by_an_admin(identity, admin, bob):
    """The old password is worth nothing any more, nor what was logged in with it."""
    account, token = bob
    await identity.changes.change(change(admin, account.user_id, password=Secret(NEW)))

    assert not await is_taken(identity, token)
    with pytest.raises(BadCredentials):
        await identity.sessions.log_in(wishes.login("bob"))
    assert await wishes.token(identity, "bob", NEW)


async def test_all_at_once(identity, admin, bob, pool):
    """Several changes are several events in one append, none of which holds the password."""
    account, _ = bob
    await identity.changes.change(
        change(admin, account.user_id, role="admin", is_active=False, password=Secret(NEW))
    )
    events = (await said(pool, "user"))[-3:]
    assert [kind for kind, _, _ in events] == [
        "user.role_changed",
        "user.deactivated",
        "user.password_changed",
    ]
    assert NEW not in str(events)
    assert "argon2" not in str(events)


async def test_nothing_to_change(identity, admin, bob, pool, told):
    """What is so already is no event, and ends no session."""
    account, token = bob
    before = (len(await said(pool, "user")), len(told))
    for changes in ({}, {"role": "operator"}, {"is_active": True}):
        assert (await identity.changes.change(change(admin, account.user_id, **changes))).role == "operator"
    assert (len(await said(pool, "user")), len(told)) == before
    assert await is_taken(identity, token)


async def test_lost_commit(identity, admin, bob, pool, monkeypatch):
    """Done twice because its answer was lost, a change is one event, and the next one follows it."""
    account, _ = bob
    in_transaction = changes_module.in_transaction

    async def twice(pool, work):
        await in_transaction(pool, work)
        return await in_transaction(pool, work)

    monkeypatch.setattr(changes_module, "in_transaction", twice)
    await identity.changes.change(change(admin, account.user_id, role="viewer", password=Secret(NEW)))
    await identity.changes.change(change(admin, account.user_id, role="operator"))
    assert [kind for kind, _, _ in await said(pool, "user")][-3:] == [
        "user.role_changed", "user.password_changed", "user.role_changed",
    ]  # fmt: skip


@pytest.mark.parametrize("changes", [{"role": "operator"}, {"is_active": False}])
async def test_last_admin(identity, admin, bob, pool, changes):
    """The last active admin stays one; with a second one, the first may go."""
    account, _ = bob
    root = await pool.fetchval("SELECT user_id FROM accounts WHERE username = 'root'")
    with pytest.raises(LastAdmin):
        await identity.changes.change(change(admin, root, **changes))
    await identity.changes.change(change(admin, account.user_id, role="admin", is_active=False))
    with pytest.raises(LastAdmin):
        await identity.changes.change(change(admin, root, **changes))

    await identity.changes.change(change(admin, account.user_id, is_active=True))
    await identity.changes.change(change(admin, root, **changes))


async def test_admins_who_demote_each_other(identity, admin, pool):
    """At the same moment, one of them stays."""
    other, token = await wishes.person(identity, admin, "ann", "admin")
    root = await pool.fetchval("SELECT user_id FROM accounts WHERE username = 'root'")
    outcomes = await asyncio.gather(
        identity.changes.change(change(admin, other.user_id, role="viewer")),
        identity.changes.change(change(token, root, role="viewer")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes].count(LastAdmin) <= 1
    assert await pool.fetchval("SELECT count(*) FROM accounts WHERE role = 'admin'") == 1


async def test_who_may_not(identity, admin, bob):
    """Nobody but an admin, and of an account that is not there nobody."""
    account, token = bob
    with pytest.raises(Unauthorized):
        await identity.changes.change(change(None, account.user_id, role="admin"))
    with pytest.raises(Forbidden):
        await identity.changes.change(change(token, account.user_id, role="admin"))
    with pytest.raises(Missing):
        await identity.changes.change(change(admin, uuid4(), role="admin"))


async def test_a_key_does_not_make_itself_more(identity, admin, bob):
    """A key with the scope changes users, but gives neither a password nor the role of admin."""
    account, _ = bob
    key = (await wishes.key_of(identity, admin, "users:write", "account:write")).key
    assert (await identity.changes.change(change(key, account.user_id, role="viewer"))).role == "viewer"
    for changes in ({"role": "admin"}, {"password": Secret(NEW)}):
        with pytest.raises(NotByKey):
            await identity.changes.change(change(key, account.user_id, **changes))
    boss, _ = await wishes.person(identity, admin, "boss", "admin")
    await identity.changes.change(change(key, boss.user_id, is_active=False))
    with pytest.raises(NotByKey):
        await identity.changes.change(change(key, boss.user_id, is_active=True))
    with pytest.raises(NotByKey):
        await identity.changes.change_password(change_password(key, STRONG, NEW))


async def test_change_password(identity, admin, bob, pool):
    """Who knows the old one sets a new one; every session of theirs ends, and the log says who it was."""
    _, token = bob
    await identity.changes.change_password(change_password(token, STRONG, NEW))

    assert not await is_taken(identity, token)
    assert await wishes.token(identity, "bob", NEW)
    assert [(kind, actor) for kind, actor, _ in await said(pool, "user")][-1] == (
        "user.password_changed", "user:bob",
    )  # fmt: skip
    assert await is_taken(identity, admin)


async def test_wrong_old_password(identity, bob):
    """Guessing the old one by a stolen token is throttled with the logins of that account."""
    _, token = bob
    for _ in range(ACCOUNT.free):
        with pytest.raises(WrongPassword):
            await identity.changes.change_password(change_password(token, "wrong", NEW))
    with pytest.raises(Throttled):
        await identity.changes.change_password(change_password(token, STRONG, NEW))
    with pytest.raises(Throttled):
        await identity.sessions.log_in(wishes.login("bob", address=HERE))


async def test_weak_new_password(identity, bob):
    """A weak new one changes nothing."""
    _, token = bob
    with pytest.raises(Denied, match="12 characters"):
        await identity.changes.change_password(change_password(token, STRONG, "mypassword"))
    assert await wishes.token(identity, "bob")


async def test_two_at_once(identity, bob, pool):
    """Of two who have proved the same old password and then change it, one does."""
    _, token = bob
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("SELECT FROM accounts FOR UPDATE")
        both = [
            asyncio.create_task(
                identity.changes.change_password(change_password(token, STRONG, f"{NEW} {number}"))
            )
            for number in range(2)
        ]
        async with asyncio.timeout(10):
            while await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
                continue
        await transaction.rollback()
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Account", "WrongPassword"]


async def test_no_change_without_its_event(identity, admin, bob, pool, monkeypatch):
    """When the log refuses the event, account and sessions are as before."""
    account, token = bob

    async def refuse(*_arguments, **_options):
        raise asyncpg.PostgresError("no")

    monkeypatch.setattr(changes_module, "say", refuse)
    with pytest.raises(asyncpg.PostgresError):
        await identity.changes.change(change(admin, account.user_id, role="viewer"))
    assert await pool.fetchval("SELECT role FROM accounts WHERE username = 'bob'") == "operator"
    assert await is_taken(identity, token)


async def test_whom_a_provider_vouches_for(identity, admin, pool):
    """Such an account has no password, and is given none; nor does any password open it."""
    user_id = uuid4()
    await pool.execute(
        "INSERT INTO accounts (user_id, username, username_key, role, issuer, subject)"
        " VALUES ($1, 'eve', 'eve', 'viewer', 'https://login.example', '7')",
        user_id,
    )
    with pytest.raises(Denied, match="logs in by a provider"):
        await identity.changes.change(change(admin, user_id, password=Secret(NEW)))
    with pytest.raises(BadCredentials):
        await identity.sessions.log_in(wishes.login("eve", "nobody's password"))
