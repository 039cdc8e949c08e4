"""A key is told once, kept as a hash, and worth what its scopes and its owner are worth now."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from auth import wishes
from auth.wishes import add_key, change, said

from orc_auth import api_keys as keys_module
from orc_auth.denial import Denied, Forbidden, Missing, NotByKey, Unauthorized
from orc_auth.key_holders import hash_secret
from orc_runtime.access import SCOPES
from orc_runtime.api_key_text import KEY_ID_CHARS, new_key, parse_key
from orc_runtime.auth_messages.api_keys import ListKeys, RevokeKey, WhoseKey
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret


@pytest.fixture
async def bob(identity, admin):
    """Make an operator; give account and token."""
    return await wishes.person(identity, admin, "bob")


@pytest.fixture
def whose(identity):
    """Ask whom a key speaks for; None for one that speaks for nobody."""
    refusals = set[tuple[str, str]]()

    async def ask(key: Secret) -> Principal | None:
        try:
            return (await identity.api_keys.whose(WhoseKey(key=key))).principal
        except Denied as error:
            refusals.add((error.answer.kind, error.answer.detail))
            return None

    yield ask
    assert refusals <= {("unauthorized", "the token is invalid or has expired")}


def revoke(authority: Secret | None, key_id: str) -> RevokeKey:
    return RevokeKey(request_id=uuid4(), authority=authority, key_id=key_id)


async def test_speaks_for_its_owner(identity, bob, whose, pool):
    """A key names its owner and itself; the log says what it may, and of the key neither text nor hash."""
    account, token = bob
    added = await identity.api_keys.add(add_key(token, "jobs:read", "runs:*", "jobs:read"))

    key_id = added.about.key_id
    assert await whose(added.key) == Principal(
        subject=f"user:bob/key:{key_id}",
        user_id=account.user_id,
        role="operator",
        scopes=("jobs:read", "runs:*"),
    )
    [(kind, actor, event)] = await said(pool, "api_key")
    assert (kind, actor, event["scopes"], event["user_id"]) == (
        "api_key.created", "user:bob", ["jobs:read", "runs:*"], str(account.user_id),
    )  # fmt: skip
    assert "secret" not in str(event)


async def test_rests_as_a_hash(identity, bob, pool):
    """Whoever reads the table has nothing to send."""
    added = await wishes.key_of(identity, bob[1], "*")
    [row] = await pool.fetch("SELECT key_id, secret_hash, k::text AS whole FROM api_keys k")
    parts = parse_key(added.key.reveal())
    assert (row["key_id"], row["secret_hash"]) == (parts.key_id, hash_secret(parts.secret))
    assert parts.secret.reveal() not in row["whole"]


async def test_wrong_keys(identity, bob, whose):
    """Another's secret under a known id, an unknown id, and what is no key at all: one and the same refusal."""
    one = parse_key((await wishes.key_of(identity, bob[1], "*")).key.reveal())
    other = parse_key((await wishes.key_of(identity, bob[1], "*")).key.reveal())
    crossed = type(one)(one.key_id, other.secret).text
    for key in (crossed, new_key().text, Secret("orc_x"), Secret("")):
        assert await whose(key) is None


async def test_role_of_now(identity, admin, bob, whose):
    """When its owner becomes less, so does the key."""
    account, token = bob
    key = (await wishes.key_of(identity, token, "*")).key
    await identity.changes.change(change(admin, account.user_id, role="viewer"))
    assert (await whose(key)).role == "viewer"


async def test_expiry(identity, bob, whose, pool, clock):
    """It ends by itself: when it was said to, else in 90 days."""
    at = clock.now() + timedelta(days=1)
    said_so = await identity.api_keys.add(add_key(bob[1], expires_at=at))
    unsaid = await wishes.key_of(identity, bob[1], "*")
    assert (said_so.about.expires_at, unsaid.about.expires_at) == (at, clock.now() + timedelta(days=90))

    await pool.execute(
        "UPDATE api_keys SET expires_at = clock_timestamp() WHERE key_id = $1", said_so.about.key_id
    )
    assert (await whose(said_so.key), (await whose(unsaid.key)).subject[:9]) == (None, "user:bob/")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scopes": ("jobs:read", "jobs:raed")}, "scopes[1]"),
        ({"scopes": ()}, "scopes"),
        ({"scopes": ("nothing:*",)}, "scopes[0]"),
        ({"name": " "}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
        ({"expires_at": datetime(2100, 1, 1, tzinfo=UTC)}, "expires_at"),
        ({"expires_at": datetime(2027, 1, 1)}, "expires_at"),  # noqa: DTZ001
    ],
    ids=str,
)
async def test_invalid(identity, bob, changes, field):
    """What no key may be is refused, naming the field and what would be valid."""
    with pytest.raises(Denied) as caught:
        await identity.api_keys.add(
            add_key(bob[1], **changes) if "scopes" not in changes else _with(bob[1], changes)
        )
    answer = caught.value.answer
    assert (answer.kind, answer.field) == ("invalid", field)
    assert answer.valid
    if field.startswith("scopes"):
        assert set(SCOPES) | {"jobs:*", "*"} <= set(answer.valid.split(", "))


def _with(token, changes):
    wish = add_key(token)
    return type(wish)(
        request_id=wish.request_id, authority=token, name="n", expires_at=None, scopes=changes["scopes"]
    )


async def test_a_key_makes_no_keys(identity, bob):
    """Not even one that may do everything; nor does nobody."""
    key = (await wishes.key_of(identity, bob[1], "*")).key
    with pytest.raises(NotByKey):
        await identity.api_keys.add(add_key(key))
    for nobody in (Secret(""), Secret("x.y.z"), new_key().text):
        with pytest.raises(Unauthorized):
            await identity.api_keys.add(add_key(nobody))


async def test_list(identity, admin, bob):
    """One lists one's own keys, an admin everybody's; none is told again."""
    mine = await wishes.key_of(identity, bob[1], "*")
    theirs = await wishes.key_of(identity, admin, "jobs:read")

    own = await identity.api_keys.list(ListKeys(authority=bob[1]))
    everybody = await identity.api_keys.list(ListKeys(authority=admin, everybody=True))

    assert own.keys == (mine.about,)
    assert everybody.keys == (theirs.about, mine.about)
    with pytest.raises(Forbidden):
        await identity.api_keys.list(ListKeys(authority=bob[1], everybody=True))


async def test_revoke(identity, bob, whose, pool, told):
    """A revoked key is worth nothing, verifiers are told, and the log says who did it, once."""
    added = await wishes.key_of(identity, bob[1], "*")
    before = len(told)
    for _ in range(2):
        await identity.api_keys.revoke(revoke(bob[1], added.about.key_id))

    assert await whose(added.key) is None
    assert len(told) > before
    assert [(kind, actor) for kind, actor, _ in await said(pool, "api_key")] == [
        ("api_key.created", "user:bob"), ("api_key.revoked", "user:bob"),
    ]  # fmt: skip
    [listed] = (await identity.api_keys.list(ListKeys(authority=bob[1]))).keys
    assert listed.revoked_at is not None


async def test_others_keys(identity, admin, bob, whose):
    """An admin revokes anybody's; to others they are as keys that never were."""
    _, eve = await wishes.person(identity, admin, "eve")
    added = await wishes.key_of(identity, bob[1], "*")
    denied = []
    for key_id in (added.about.key_id, "nosuchkeyx"):
        with pytest.raises(Missing) as caught:
            await identity.api_keys.revoke(revoke(eve, key_id))
        denied.append(str(caught.value.answer))
    assert denied[0] == denied[1]
    assert await whose(added.key) is not None
    await identity.api_keys.revoke(revoke(admin, added.about.key_id))
    assert await whose(added.key) is None


async def test_last_used(identity, bob, whose, pool):
    """When a key was used is kept to the minute: one write, however often it comes."""
    added = await wishes.key_of(identity, bob[1], "*")
    assert added.about.last_used_at is None
    await whose(added.key)
    first = await pool.fetchval("SELECT last_used_at FROM api_keys")
    await whose(added.key)
    assert await pool.fetchval("SELECT last_used_at FROM api_keys") == first
    await pool.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 s'")
    await whose(added.key)
    assert await pool.fetchval("SELECT last_used_at FROM api_keys") > first


async def test_bounded(identity, bob, pool, monkeypatch):
    """An account has so many living keys; those long dead are forgotten and make room in the list."""
    monkeypatch.setattr(keys_module, "KEYS_MAX", 2)
    first = await wishes.key_of(identity, bob[1], "*")
    await wishes.key_of(identity, bob[1], "*")
    with pytest.raises(Denied, match="2 keys at most"):
        await wishes.key_of(identity, bob[1], "*")
    await identity.api_keys.revoke(revoke(bob[1], first.about.key_id))
    await pool.execute("UPDATE api_keys SET revoked_at = revoked_at - interval '91 days'")
    await wishes.key_of(identity, bob[1], "*")
    listed = (await identity.api_keys.list(ListKeys(authority=bob[1]))).keys
    assert (len(listed), first.about.key_id in {key.key_id for key in listed}) == (2, False)


def test_text():
    """A key is recognised by its form and its checksum: no single character of it may differ."""
    text = new_key().text.reveal()
    assert parse_key(text).text == Secret(text)
    assert (len(text), text[:4], len(parse_key(text).key_id)) == (
        4 + 10 + 1 + 52 + 1 + 7,
        "orc_",
        KEY_ID_CHARS,
    )
    for place in range(len(text)):
        mangled = text[:place] + ("b" if text[place] != "b" else "c") + text[place + 1 :]
        assert parse_key(mangled) is None
    for other in ("", "orc_", text + "a", text[:-1], text.upper(), text + "\n"):
        assert parse_key(other) is None
