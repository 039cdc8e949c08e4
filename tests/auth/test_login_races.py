"""What an admin changes of an account also holds for whoever is logging in at that moment."""

from uuid import uuid4

import pytest
from auth import wishes
from auth.wishes import change

from orc_auth.denial import BadCredentials
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret


@pytest.mark.parametrize(
    "changes", [{"is_active": False}, {"role": "viewer"}, {"password": Secret("another long pass phrase")}]
)
async def test_what_changes_while_a_password_is_verified(identity, admin, passwords, monkeypatch, changes):
    """The password was right when it was looked at, and opens nothing any more: no session outlives the change."""
    account, _ = await wishes.person(identity, admin, "bob")
    verify = passwords.verify

    async def verify_and_be_late(password: str, password_hash: str | None) -> bool:
        is_right = await verify(password, password_hash)
        await identity.changes.change(change(admin, account.user_id, **changes))
        return is_right

    monkeypatch.setattr(passwords, "verify", verify_and_be_late)
    with pytest.raises(BadCredentials):
        await identity.sessions.log_in(wishes.login("bob"))
    living = "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL"
    assert await identity.pool.fetchval(living, account.user_id) == 0


async def test_a_hash_at_another_cost_is_no_change(identity, admin, monkeypatch, passwords):
    """Whoever logs in by a hash of an earlier cost, which is made anew on the way, comes in."""
    await wishes.person(identity, admin, "bob")
    monkeypatch.setattr(passwords, "is_outdated", lambda _hash: True)
    assert (await identity.sessions.log_in(wishes.login("bob"))).token.reveal()


async def test_a_session_is_of_the_account_as_it_was_proved_to_be(identity, admin):
    """Whom a provider vouched for, and whose account changed before the session opened, proves it again."""
    account, _ = await wishes.person(identity, admin, "bob")
    await identity.changes.change(change(admin, account.user_id, role="viewer"))
    bob = Principal(subject="user:bob", user_id=account.user_id, role="operator")
    with pytest.raises(BadCredentials):
        await identity.sessions.open(bob, "bob", uuid4(), version=1, by="oidc")
