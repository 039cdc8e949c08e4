"""However keys are made and revoked, an account has so many, and no more of them are kept."""

import asyncio
from uuid import uuid4

import pytest
from auth import wishes

from orc_auth import api_keys as keys_module
from orc_auth.denial import Denied, Missing
from orc_runtime.auth_messages.api_keys import AddedKey, RevokeKey
from orc_runtime.settings import Secret


@pytest.fixture
async def bob(identity, admin) -> Secret:
    """Make an operator; give the token."""
    return (await wishes.person(identity, admin, "bob"))[1]


def revoke(authority: Secret, key_id: str) -> RevokeKey:
    return RevokeKey(request_id=uuid4(), authority=authority, key_id=key_id)


async def test_dead_keys_fill_no_table(identity, bob, pool, monkeypatch):
    """Of those that were revoked the newest are kept, and what lives stays."""
    monkeypatch.setattr(keys_module, "DEAD_MAX", 2)
    living = (await wishes.key_of(identity, bob, "*")).about.key_id
    made = [(await wishes.key_of(identity, bob, "*")).about.key_id for _ in range(4)]
    for key_id in made:
        await identity.api_keys.revoke(revoke(bob, key_id))
    last = (await wishes.key_of(identity, bob, "*")).about.key_id
    kept = {row["key_id"] for row in await pool.fetch("SELECT key_id FROM api_keys")}
    assert kept == {living, *made[2:], last}


async def test_keys_made_at_the_same_moment_are_counted(identity, bob, monkeypatch):
    """Who asks for many at once gets no more than who asks for one after the other."""
    monkeypatch.setattr(keys_module, "KEYS_MAX", 2)
    added = await asyncio.gather(
        *(wishes.key_of(identity, bob, "*") for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, AddedKey) for one in added) == 2
    assert all(isinstance(one, AddedKey | Denied) for one in added)


@pytest.mark.parametrize("key_id", ["\0", "", "a" * 11, "A" * 10, "../users", "a" * 9 + "\0"])
async def test_what_can_be_no_key_id_is_not_there(identity, bob, key_id):
    """It is answered as any other key that is not there, not as a database that does not answer."""
    with pytest.raises(Missing):
        await identity.api_keys.revoke(revoke(bob, key_id))
