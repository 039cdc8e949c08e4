"""Secrets of the store: read sealed by the executor, opened by a worker, and by no other that has no master key."""

import asyncio
import os
from pathlib import Path

import pytest
from support.servers import execute
from support.telltale import telltale
from support.worker_process import order, table

from orc_domain.config import SecretRef, secret_names
from orc_executor.child import spawn
from orc_executor.errors import SecretMissing, SecretUnreachable, SecretUnusable
from orc_executor.frames import NOTHING_STORED, Failed, Loaded, SealedSecret, Stored
from orc_executor.orphans import Registry
from orc_executor.secrets import Secrets
from orc_executor.store import NAMES_MAX, Store
from orc_runtime.master_keys import master_key_lines, new_master_key
from orc_runtime.sealing import SECRET, Label, Sealing

KEY, OTHER = new_master_key("key"), new_master_key("other")
TOKEN = SecretRef("github-token")
DISCARD = {"type": "discard"}


def sealed(name="github-token", version=1, value="from store", key=KEY):
    parts = Sealing([key]).seal(Label(SECRET, name, version), value.encode())
    return SealedSecret(
        name=name,
        version=version,
        data=parts.data,
        wrapped_key=parts.wrapped_key,
        master_key_id=parts.master_key_id,
    )


def secrets_with(stored, *keys, environ=None, folder=None):
    secrets = Secrets(environ or {}, folder, keys)
    secrets.stored = stored
    return secrets


def api(*names):
    return {"type": "api", "url": "http://h/x", "headers": {name: {"secret": name} for name in names}}


@pytest.fixture
async def stored(database):
    """Put into the store what was sealed, as auth would."""

    async def put(one):
        columns = [f"'\\x{part.hex()}'" for part in (one.data, one.wrapped_key)]
        await execute(
            database.superuser_url,
            "INSERT INTO vault.secrets VALUES"
            f" ('{one.name}', {one.version}, {columns[0]}, {columns[1]}, '{one.master_key_id}', 'f', now(), 'x', {one.version})",
        )

    return put


def test_the_store_comes_last(tmp_path):
    """After the variable and the file."""
    found = Stored((sealed(),))
    variable = {"ORC_SECRET_GITHUB_TOKEN": "from variable"}
    assert secrets_with(found, KEY).resolve(TOKEN).reveal() == "from store"
    (tmp_path / "github-token").write_text("from file")
    assert secrets_with(found, KEY, folder=tmp_path).resolve(TOKEN).reveal() == "from file"
    assert (
        secrets_with(found, KEY, folder=tmp_path, environ=variable).resolve(TOKEN).reveal() == "from variable"
    )


def test_what_it_gave_is_not_said():
    """As of any other place; and the next task has nothing of it."""
    secrets = secrets_with(Stored((sealed(),)), KEY)
    secrets.resolve(TOKEN)
    assert secrets.redact("said: from store") == "said: ***"
    secrets.forget()
    with pytest.raises(SecretMissing):
        secrets.resolve(TOKEN)


@pytest.mark.parametrize(
    ("stored", "keys", "error", "said"),
    [
        (NOTHING_STORED, [KEY], SecretMissing, "the secret store .it has none of that name"),
        (Stored((sealed(),)), [], SecretUnusable, "neither ORC_MASTER_KEY_FILE nor ORC_MASTER_KEY_COMMAND"),
        (Stored((sealed(),)), [OTHER], SecretUnusable, "sealed by the master key key, and here are other"),
        (Stored((sealed(key=new_master_key("key")),)), [KEY], SecretUnusable, "not what was sealed"),
        (
            Stored(trouble="it cannot be read now", is_passing=True),
            [KEY],
            SecretUnreachable,
            "cannot be read now",
        ),
        (Stored(trouble="too many"), [KEY], SecretMissing, "too many"),
    ],
)
def test_why_it_cannot_be_had(stored, keys, error, said):
    """Each reason in words of its own; one that passes is worth another attempt."""
    with pytest.raises(error, match=said) as caught:
        secrets_with(stored, *keys).resolve(TOKEN)
    assert caught.value.retryable == (error is SecretUnreachable)
    assert "ORC_SECRET_GITHUB_TOKEN" in str(caught.value) or error is SecretUnusable


def test_one_cannot_stand_for_another():
    """Whoever writes into the database cannot give a job the secret of another name."""
    moved = sealed("other-token")
    swapped = SealedSecret(
        name="github-token",
        version=1,
        data=moved.data,
        wrapped_key=moved.wrapped_key,
        master_key_id=moved.master_key_id,
    )
    with pytest.raises(SecretUnusable):
        secrets_with(Stored((swapped,)), KEY).resolve(TOKEN)


def test_names_are_found_wherever_they_are():
    """In lists, in a plugin's words of its own, and not in what only looks alike."""
    config = {
        "type": "theirs",
        "a": [{"deep": {"secret": "one"}}, {"secret": "two", "more": 1}, {"secret": "No"}, {"secret": 3}],
        "secret": "three",
        "b": {"secret": {"secret": "four"}},
    }
    assert secret_names(config) == {"one", "four"}


async def test_what_is_read(pool, stored):
    """Of the secrets that a config names, and of no others; of a task that needs no network nothing is asked."""
    for name in ("a", "b", "c"):
        await stored(sealed(name))
    store = Store(pool)
    found = await store.read(api("a", "c", "missing"), DISCARD)
    assert (sorted(one.name for one in found.secrets), found.trouble) == (["a", "c"], None)
    csv = {"type": "csv", "path": "x.csv", "note": {"secret": "a"}}
    assert await store.read(csv, DISCARD) == NOTHING_STORED
    assert await store.read(api(), DISCARD) == NOTHING_STORED
    many = await store.read(api(*(f"n{number}" for number in range(NAMES_MAX + 1))), DISCARD)
    assert (many.secrets, many.is_passing) == ((), False)
    await pool.close()
    gone = await store.read(api("a"), DISCARD)
    assert (gone.secrets, gone.is_passing) == ((), True)


async def test_a_worker_opens_it(tmp_path, stored, pool):
    """Started with the master key it uses the secret; started without it says what is missing; it shows it nowhere."""
    await stored(sealed(value="open sesame"))
    registry = Registry(tmp_path / "workers")
    environ = {"PATH": os.environ["PATH"], "ORC_DATA_DIR": str(tmp_path), "ORC_EGRESS_ALLOW": "loopback"}
    with telltale("") as source:
        auth = {"type": "bearer", "token": {"secret": "github-token"}}
        config = {"type": "api", "url": f"http://127.0.0.1:{source.server_port}/good", "auth": auth}
        found = await Store(pool).read(config, DISCARD)
        answers = {}
        for name, keys in (("with", master_key_lines([OTHER, KEY])), ("without", None)):
            async with asyncio.timeout(60):
                worker = await spawn(registry, environ, master_keys=keys)
            environment = await asyncio.to_thread(_environment_of, worker.pid)
            assert KEY.secret.reveal() not in environment
            answers[name] = await worker.perform(order(config, table(), stored=found), lambda _: None)
            await worker.close()
        told = "".join(source.seen)
    registry.close()
    assert isinstance(answers["with"], Loaded), answers
    assert told.count("Bearer open sesame") == 1
    assert isinstance(answers["without"], Failed)
    assert (answers["without"].kind, "ORC_MASTER_KEY_FILE" in answers["without"].message) == (
        "secret_missing",
        True,
    )


def _environment_of(pid):
    return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
