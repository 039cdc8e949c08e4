"""The first admin is made by a secret that the operator set, once."""

import asyncio

import asyncpg
import pytest
from auth.wishes import BOOTSTRAP, HERE, bootstrap, said

from orc_auth.bootstrap_secret import bootstrap_secret
from orc_auth.denial import BootstrapRefused, Denied, Throttled
from orc_auth.settings import AuthSettings
from orc_auth.throttle import ADDRESS
from orc_runtime.settings import Secret, SettingsError

GOOD = "b0d3c9f1a7e24c58"
RACERS = 4
"""As many as the pool of a test has connections."""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


async def roles(pool) -> list[tuple[str, str]]:
    return [tuple(row) for row in await pool.fetch("SELECT username, role FROM accounts ORDER BY username")]


async def test_a_fresh_installation_has_nobody(identity, pool):
    """There is no account and no password that anybody could know."""
    assert identity is not None
    assert await roles(pool) == []


@pytest.mark.parametrize("is_open", [True, False])
async def test_first_admin(make_identity, pool, is_open):
    """The secret makes an admin, in either mode."""
    identity = await make_identity(is_open=is_open)
    made = await identity.accounts.bootstrap(bootstrap("ann"))
    assert (made.username, made.role) == ("ann", "admin")
    assert [(kind, actor) for kind, actor, _ in await said(pool, "user")] == [
        ("user.registered", "anonymous")
    ]


async def test_second_use(identity, pool):
    """It works once; a second use, a wrong secret and none at all get one and the same answer."""
    await identity.accounts.bootstrap(bootstrap("ann"))
    answers = []
    for secret in (BOOTSTRAP, Secret("the one-time secreT"), Secret(""), Secret("\ud800")):
        with pytest.raises(BootstrapRefused) as caught:
            await identity.accounts.bootstrap(bootstrap("eve", secret=secret))
        answers.append(caught.value.answer)
    assert len(set(map(str, answers))) == 1
    assert await roles(pool) == [("ann", "admin")]


async def test_racing(database, identity, pool):
    """Of several who use it at the same moment, each past every question before any has written, one becomes admin."""
    holder = await asyncpg.connect(database.superuser_url)
    try:
        # Reading goes on, writing waits: so long as nobody holds the others back, all of them find no admin.
        await holder.execute("BEGIN; LOCK TABLE auth.accounts IN SHARE MODE")
        racers = [
            asyncio.create_task(identity.accounts.bootstrap(bootstrap(f"user{number}")))
            for number in range(RACERS)
        ]
        async with asyncio.timeout(30):
            while await holder.fetchval(WAITING) < RACERS:
                pass
        await holder.execute("COMMIT")
        outcomes = await asyncio.gather(*racers, return_exceptions=True)
    finally:
        await holder.close()
    refused = [outcome for outcome in outcomes if isinstance(outcome, BootstrapRefused)]
    assert (len(refused), [role for _, role in await roles(pool)]) == (RACERS - 1, ["admin"])


async def test_without_a_secret(make_identity):
    """Where none was set nothing opens, an empty one neither."""
    identity = await make_identity(bootstrap_secret=None)
    for secret in (Secret(""), Secret("None"), BOOTSTRAP):
        with pytest.raises(BootstrapRefused):
            await identity.accounts.bootstrap(bootstrap("eve", secret=secret))


async def test_weak_password(identity, pool):
    """A weak password does not use the secret up."""
    with pytest.raises(Denied, match="12 characters"):
        await identity.accounts.bootstrap(bootstrap("ann", "mypassword"))
    await identity.accounts.bootstrap(bootstrap("ann"))
    assert await roles(pool) == [("ann", "admin")]


async def test_guessing_is_throttled(identity):
    """Wrong secrets from one address are bounded; then the right one from there has to wait, too."""
    for _ in range(ADDRESS.free):
        with pytest.raises(BootstrapRefused):
            await identity.accounts.bootstrap(bootstrap("eve", secret=Secret("wrong")))
    with pytest.raises(Throttled):
        await identity.accounts.bootstrap(bootstrap("eve", address=HERE))
    assert (await identity.accounts.bootstrap(bootstrap("ann", address="192.0.2.9"))).role == "admin"


def settings(**changes: object) -> AuthSettings:
    nowhere = Secret("unused")
    return AuthSettings(database_url=nowhere, nats_url=nowhere, **changes)


@pytest.mark.parametrize(
    "text",
    [
        "fifteen chars..", "x" * 513, "aaaaaaaaaaaaaaaaaaaaaaaa", "changemechangeme", "change-me-please!",
        "the bootstrap secret", "Example_Secret_0123456789", "password12345678", "0123456789abcdefgh",
    ],
)  # fmt: skip
def test_refuses_a_secret_that_is_none(text):
    """Too short, too long, repeated or out of some example: the service does not start, and does not repeat it."""
    with pytest.raises(SettingsError, match="ORC_BOOTSTRAP_SECRET") as caught:
        bootstrap_secret(settings(bootstrap_secret=Secret(text)))
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", [GOOD, "jackdaws love my big sphinx", "k7Qw-3_TeStx9ZpLmN4vR8"])
def test_takes_a_secret(text):
    """Sixteen characters that nobody gave as an example will do."""
    assert bootstrap_secret(settings(bootstrap_secret=Secret(text))) == Secret(text)


def test_secret_file(tmp_path):
    """A file holds it, without its last line's end."""
    path = tmp_path / "secret"
    path.write_text(f"{GOOD}\n")
    path.chmod(0o440)
    assert bootstrap_secret(settings(bootstrap_secret_file=str(path))) == Secret(GOOD)
    assert bootstrap_secret(settings()) is None


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (GOOD, 0o644, "chmod"),
        (GOOD, 0o602, "chmod"),
        ("", 0o400, "must hold one line"),
        ("x" * 5000, 0o400, "must hold one line"),
        ("too short", 0o400, "must have 16"),
        (None, 0, "cannot be read"),
    ],
)
def test_bad_secret_file(tmp_path, content, mode, words):
    """One that everybody may read, that holds no secret or is not there keeps the service from starting."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(SettingsError, match=f"ORC_BOOTSTRAP_SECRET_FILE.*{words}") as caught:
        bootstrap_secret(settings(bootstrap_secret_file=str(path)))
    assert GOOD not in str(caught.value)


def test_both(tmp_path):
    """A secret and a file are one too many."""
    with pytest.raises(SettingsError, match="both set"):
        bootstrap_secret(settings(bootstrap_secret=Secret(GOOD), bootstrap_secret_file=str(tmp_path / "x")))
