"""Secrets of jobs rest sealed, are told to nobody, and what became of them stands in the log."""

import json
from uuid import uuid4

import asyncpg
import pytest
from argon2.profiles import CHEAPEST
from auth import wishes
from auth.wishes import BOOTSTRAP, said
from support.servers import execute

from orc_auth import rewrapping
from orc_auth.denial import Denied
from orc_auth.identity import Identity, Terms
from orc_auth.keys_at_rest import KeysAtRest
from orc_auth.passwords import Passwords
from orc_auth.sealers import MasterSealer, NoMasterKey
from orc_auth.vault import SECRETS_MAX, VALUE_BYTES_MAX, Vault
from orc_runtime.auth_messages.secrets import DeleteSecret, ListSecrets, RewrapSecrets, SetSecret
from orc_runtime.master_keys import new_master_key
from orc_runtime.sealing import SECRET, Label, Sealed, Sealing
from orc_runtime.settings import Secret, SettingsError

OLD, NEW = new_master_key("old"), new_master_key("new")


@pytest.fixture
async def people(pool, clock):
    """Return an identity with a login needed, and the tokens of an admin, an operator and a viewer."""
    passwords = Passwords(hashes_max=2, parameters=CHEAPEST)

    async def tell():
        pass

    terms = Terms(is_open=False, bootstrap_secret=BOOTSTRAP)
    identity = Identity(pool, passwords, MasterSealer(Sealing([OLD])), clock, terms, tell=tell)
    await identity.keys.prepare()
    await identity.accounts.bootstrap(wishes.bootstrap("ann"))
    admin = await wishes.token(identity, "ann")
    tokens = {"admin": admin}
    for role in ("operator", "viewer"):
        _, tokens[role] = await wishes.person(identity, admin, role, role)
    yield identity, tokens
    passwords.close()


@pytest.fixture
def vault_of(pool, people, clock):
    """Make the vault of a process with these master keys."""

    def make(*keys):
        sealer = MasterSealer(Sealing(keys)) if keys else NoMasterKey()
        return Vault(
            pool, people[0].authority, Sealing(keys) if keys else None, KeysAtRest(pool, sealer), clock
        )

    return make


@pytest.fixture
def vault(vault_of):
    return vault_of(OLD)


@pytest.fixture
def admin(people):
    return people[1]["admin"]


def put(authority, name="github-token", value="hush hush"):
    return SetSecret(request_id=uuid4(), authority=authority, name=name, value=Secret(value))


def drop(authority, name="github-token"):
    return DeleteSecret(request_id=uuid4(), authority=authority, name=name)


def anew(authority):
    return RewrapSecrets(request_id=uuid4(), authority=authority)


async def value_of(pool, name, *keys):
    row = await pool.fetchrow("SELECT * FROM vault.secrets WHERE name = $1", name)
    sealed = Sealed(row["sealed"], row["wrapped_key"], row["master_key_id"])
    return Sealing(keys).open(Label(SECRET, name, row["version"]), sealed).decode()


async def test_what_became_of_it(vault, admin, pool):
    """Another value is another version, the same value is none; deleted, its version is not used again."""
    first = await vault.set(put(admin))
    assert (first.name, first.version, first.updated_by, first.master_key_id) == (
        "github-token",
        1,
        "user:ann",
        "old",
    )
    assert await vault.set(put(admin)) == first
    assert (await vault.set(put(admin, value="other"))).version == 2
    assert await value_of(pool, "github-token", OLD) == "other"
    await vault.delete(drop(admin))
    assert (await vault.list(ListSecrets(authority=admin))).secrets == ()
    with pytest.raises(Denied) as caught:
        await vault.delete(drop(admin))
    assert caught.value.answer.kind == "not-found"
    assert (await vault.set(put(admin))).version == 3

    events = await said(pool, "secret")
    assert [(kind, actor, about["version"]) for kind, actor, about in events] == [
        ("secret.set", "user:ann", 1), ("secret.set", "user:ann", 2), ("secret.deleted", "user:ann", 2),
        ("secret.set", "user:ann", 3),
    ]  # fmt: skip
    prints = [about.get("fingerprint") for _, _, about in events]
    assert (prints[0] == prints[3], prints[0] == prints[1]) == (True, False)
    assert "hush" not in json.dumps(events)


async def test_nothing_of_a_value_rests(vault, admin, pool):
    """Neither its row nor its events hold it, and a deleted one leaves no ciphertext."""
    await vault.set(put(admin))
    row = await pool.fetchrow("SELECT * FROM vault.secrets")
    assert b"hush" not in b"".join(value for value in row.values() if isinstance(value, bytes))
    await vault.delete(drop(admin))
    row = await pool.fetchrow("SELECT sealed, wrapped_key, master_key_id, fingerprint FROM vault.secrets")
    assert set(row.values()) == {None}


@pytest.mark.parametrize("role", ["operator", "viewer", None])
async def test_who_may(vault, people, role):
    """Admins alone set, delete and seal anew; operators see the names; without a credential nobody does anything."""
    authority = people[1].get(role)
    for ask in (vault.set(put(authority)), vault.delete(drop(authority)), vault.rewrap(anew(authority))):
        with pytest.raises(Denied) as caught:
            await ask
        assert caught.value.answer.kind == ("forbidden" if role else "unauthorized")
    if role == "operator":
        await vault.list(ListSecrets(authority=authority))
    else:
        with pytest.raises(Denied):
            await vault.list(ListSecrets(authority=authority))


@pytest.mark.parametrize("name", ["", "No", "-x", "a b", "a" * 64, "a\n", "../x"])
async def test_names(vault, admin, name):
    """What is no name is refused, and not repeated: it may be a value in the wrong place."""
    with pytest.raises(Denied) as caught:
        await vault.set(put(admin, name))
    assert (caught.value.answer.field, name in caught.value.answer.detail) == ("name", name == "")


@pytest.mark.parametrize(
    "value", ["", "x" * (VALUE_BYTES_MAX + 1), "é" * (VALUE_BYTES_MAX // 2 + 1), "a\0b", "\ud800"]
)
async def test_values(vault, admin, pool, value):
    """A value has 1 to 65,536 bytes, none of them NUL; the longest is kept whole."""
    with pytest.raises(Denied) as caught:
        await vault.set(put(admin, value=value))
    assert caught.value.answer.field == "value"
    await vault.set(put(admin, value="é" * (VALUE_BYTES_MAX // 2)))
    assert await value_of(pool, "github-token", OLD) == "é" * (VALUE_BYTES_MAX // 2)


async def test_without_a_master_key(vault, vault_of, admin):
    """Nothing is set, and the refusal names both settings; what there is can be listed and deleted."""
    await vault.set(put(admin))
    bare = vault_of()
    for ask in (bare.set(put(admin)), bare.rewrap(anew(admin))):
        with pytest.raises(Denied, match="ORC_MASTER_KEY_FILE or ORC_MASTER_KEY_COMMAND") as caught:
            await ask
        assert caught.value.answer.code == "no-master-key"
    assert [one.name for one in (await bare.list(ListSecrets(authority=admin))).secrets] == ["github-token"]
    await bare.delete(drop(admin))


async def test_another_master_key(vault, vault_of, admin, pool, monkeypatch):
    """All is sealed anew in batches, each said in the log; saying it again changes nothing; the old key is not needed."""
    monkeypatch.setattr(rewrapping, "BATCH_MAX", 2)
    for number in range(5):
        await vault.set(put(admin, f"s{number}", f"value {number}"))
    await vault.set(put(admin, "gone"))
    await vault.delete(drop(admin, "gone"))
    both = vault_of(NEW, OLD)
    done = await both.rewrap(anew(admin))
    assert (done.master_key_id, done.rewrapped, done.signing_keys, done.left, done.unopened) == (
        "new",
        5,
        1,
        0,
        (),
    )
    done = await both.rewrap(anew(admin))
    assert (done.rewrapped, done.signing_keys, done.left) == (0, 0, 0)
    assert [await value_of(pool, f"s{number}", NEW) for number in range(5)] == [
        f"value {n}" for n in range(5)
    ]
    kinds = [
        (kind, about["name"]) for kind, _, about in await said(pool, "secret") if kind == "secret.rewrapped"
    ]
    assert kinds == [("secret.rewrapped", f"s{number}") for number in range(5)]
    assert (await vault_of(NEW).set(put(admin, "s0", "value 0"))).version == 1
    assert (await vault_of(NEW).set(put(admin, "s0", "another"))).version == 2


async def test_one_that_cannot_be_opened(vault, vault_of, admin, pool, monkeypatch):
    """It is named and stands in nobody's way."""
    monkeypatch.setattr(rewrapping, "BATCH_MAX", 1)
    for name in ("a", "b", "c"):
        await vault.set(put(admin, name, name))
    await pool.execute(
        "UPDATE vault.secrets SET wrapped_key = (SELECT wrapped_key FROM vault.secrets WHERE name = 'a') WHERE name = 'b'"
    )
    done = await vault_of(NEW, OLD).rewrap(anew(admin))
    assert (done.rewrapped, done.left, done.unopened) == (2, 1, ("b",))
    assert (await vault_of(NEW).set(put(admin, "b", "b"))).version == 2


async def test_how_many(vault, admin, database):
    """There is an end to names."""
    await execute(
        database.superuser_url,
        "INSERT INTO vault.secrets (name, version, updated_by, stream_version)"
        f" SELECT 'n' || n, 1, 'x', 1 FROM generate_series(1, {SECRETS_MAX}) n",
    )
    with pytest.raises(Denied) as caught:
        await vault.set(put(admin))
    assert caught.value.answer.code == "too-many-secrets"


async def test_signing_keys_in_clear_are_sealed(pool, keys, clock):
    """At the first start with a master key; the same key goes on signing, and needs that master key from then on."""
    before, _ = await keys.current()
    at_rest = KeysAtRest(pool, MasterSealer(Sealing([OLD])))
    await at_rest.prepare()
    rests = await pool.fetchval("SELECT private_key FROM auth.keys")
    assert before.private.private_bytes_raw() not in rests
    assert MasterSealer(Sealing([NEW, OLD])).open(before.kid, rests) == before.private.private_bytes_raw()
    with pytest.raises(SettingsError, match=r"ORC_MASTER_KEY_FILE or ORC_MASTER_KEY_COMMAND.*master key old"):
        await KeysAtRest(pool, NoMasterKey()).prepare()
    with pytest.raises(SettingsError, match="sealed by the master key old, and here are new"):
        await KeysAtRest(pool, MasterSealer(Sealing([NEW]))).prepare()
    # A process that started before there was a master key says that it cannot, and does not break.
    keys._sealer = NoMasterKey()
    with pytest.raises(Denied):
        await keys.current()


async def test_no_key_is_put_in_clear_again(pool, keys):
    """Auth's own role may seal a signing key, and may not replace one by a key that it knows."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("UPDATE auth.keys SET private_key = $1", bytes(32))


@pytest.mark.parametrize("role", ["orc_gateway", "orc_scheduler", "orc_executor", "orc_auditor"])
async def test_others_write_nothing(database, vault, admin, role):
    """The executor reads what is sealed, and no more; the others nothing."""
    await vault.set(put(admin))
    connection = await asyncpg.connect(database.url(role))
    try:
        for statement in (
            "SELECT fingerprint FROM vault.secrets",
            "UPDATE vault.secrets SET version = 9",
            "DELETE FROM vault.secrets",
            "INSERT INTO vault.secrets (name, version, updated_by, stream_version) VALUES ('x', 1, 'x', 1)",
            *(() if role == "orc_executor" else ("SELECT sealed FROM vault.secrets",)),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_lost_master_key(pool, keys, database, clock):
    """Once the signing key that nothing opens is dropped by the database's owner, another is made and signs."""
    await KeysAtRest(pool, MasterSealer(Sealing([OLD]))).prepare()
    await execute(database.superuser_url, "UPDATE auth.keys SET dropped_at = now()")
    sealer = MasterSealer(Sealing([NEW]))
    keys._sealer = sealer
    await keys.prepare()
    await KeysAtRest(pool, sealer).prepare()
    assert (await keys.current())[0].private is not None
