"""A login teaches nothing about who exists, and nobody guesses for long."""

import asyncio
import threading

import pytest
from argon2 import Parameters
from argon2.low_level import Type
from argon2.profiles import CHEAPEST
from auth import wishes
from auth.wishes import STRONG, login

from orc_auth import passwords as passwords_module
from orc_auth.denial import BadCredentials, Busy, Denied, Throttled
from orc_auth.passwords import Passwords
from orc_auth.throttle import ACCOUNT, ADDRESS

DEARER = Parameters(Type.ID, 19, 16, 32, 2, 16, 1)


@pytest.fixture
async def ann(identity, admin):
    """Make an operator called ann."""
    return await wishes.person(identity, admin, "ann")


async def outcome(identity, *arguments, **changes) -> str:
    try:
        await identity.sessions.log_in(login(*arguments, **changes))
    except Denied as error:
        return error.answer.code
    return "opened"


@pytest.mark.parametrize("name", ["ann", "nobody"])
async def test_wrong_passwords_are_throttled(identity, ann, name):
    """Ten are answered, from wherever they come; then even the right one waits, for an account that is not there too."""
    tried = [await outcome(identity, name, "wrong", f"192.0.2.{place}") for place in range(ACCOUNT.free + 2)]
    assert tried == ["bad-credentials"] * 10 + ["too-many-attempts"] * 2
    assert await outcome(identity, name, STRONG, "198.51.100.1") == "too-many-attempts"


async def test_one_address_tries_many_names(identity, ann):
    """Whoever tries a password on all the names there are is throttled by where it comes from."""
    tried = [await outcome(identity, f"user{place}", "Summer 2026") for place in range(ADDRESS.free + 1)]
    assert (tried.count("bad-credentials"), tried[-1]) == (ADDRESS.free, "too-many-attempts")
    assert await outcome(identity, "ann", STRONG, "198.51.100.1") == "opened"


async def test_right_passwords_do_not_count(identity, ann):
    """Many who log in from one address are no attack."""
    assert {await outcome(identity, "ann") for _ in range(ACCOUNT.free + 1)} == {"opened"}


async def test_a_right_password_forgives(identity, ann):
    """Nine typing errors and then the right one, as often as one likes."""
    for _ in range(2):
        tried = [await outcome(identity, "ann", "wrong") for _ in range(ACCOUNT.free - 1)]
        assert {*tried, await outcome(identity, "ann")} == {"bad-credentials", "opened"}


async def test_unknown_users_cost_what_known_ones_do(identity, ann, monkeypatch):
    """Known, unknown and deactivated alike verify one password each, at the same cost, and count one failure."""
    verified: list[str] = []
    hasher = type(identity.accounts._passwords._hasher)
    verify = hasher.verify

    def watched(self, password_hash, password):
        verified.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return verify(self, password_hash, password)

    monkeypatch.setattr(hasher, "verify", watched)
    answers = []
    for name in ("ann", "nobody"):
        with pytest.raises(BadCredentials) as caught:
            await identity.sessions.log_in(login(name, "wrong"))
        answers.append(str(caught.value.answer))
    assert len(set(answers)) == 1
    assert (len(verified), len(set(verified))) == (2, 1)


async def test_flood(make_identity, monkeypatch):
    """Of 200 who log in at the same moment as many are hashed as there are threads, so many wait, the rest are sent away."""
    passwords, go = Passwords(hashes_max=2, parameters=CHEAPEST), threading.Event()
    running, most, lock = 0, 0, threading.Lock()

    def check(_hash, _password):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait()
        with lock:
            running -= 1
        return False

    monkeypatch.setattr(type(passwords._hasher), "verify", lambda _self, *given: check(*given))
    identity = await make_identity(hashing=passwords)
    busy = asyncio.Semaphore(0)

    async def one(number: int) -> str:
        code = await outcome(identity, f"user{number}", "x", f"2001:db8:{number:x}::1")
        if code == "busy":
            busy.release()
        return code

    try:
        tasks = [asyncio.create_task(one(number)) for number in range(200)]
        places = 2 + passwords_module.WAITING_MAX
        async with asyncio.timeout(60):
            for _ in range(200 - places):
                await busy.acquire()
        go.set()
        outcomes = await asyncio.gather(*tasks)
    finally:
        go.set()
        passwords.close()
    assert (outcomes.count("busy"), outcomes.count("bad-credentials")) == (200 - places, places)
    assert most == 2


async def test_rehash(pool, make_identity, identity, ann):
    """A login renews a hash of another cost, keeping the password."""
    before = await pool.fetchval("SELECT password_hash FROM accounts WHERE username = 'ann'")
    dearer = Passwords(hashes_max=1, parameters=DEARER)
    try:
        renewing = await make_identity(hashing=dearer)
        await wishes.token(renewing, "ann")
        after = await pool.fetchval("SELECT password_hash FROM accounts WHERE username = 'ann'")
        await wishes.token(renewing, "ann")
        unchanged = await pool.fetchval("SELECT password_hash FROM accounts WHERE username = 'ann'")
    finally:
        dearer.close()

    assert ("t=1,p=1" in before, "m=16,t=2,p=1" in after, unchanged == after) == (True, True, True)


async def test_rehash_never_fails_a_login(make_identity, identity, ann, monkeypatch):
    """When there is no time to renew a hash, the login is right all the same."""
    dearer = Passwords(hashes_max=1, parameters=DEARER)

    async def busy(_password):
        raise Busy

    monkeypatch.setattr(dearer, "hash", busy)
    try:
        assert await wishes.token(await make_identity(hashing=dearer), "ann")
    finally:
        dearer.close()


async def test_a_throttled_login_costs_no_hash(identity, ann, monkeypatch):
    """Whoever is throttled is sent away before anything dear is done."""
    for _ in range(ACCOUNT.free):
        await outcome(identity, "ann", "wrong")

    async def never(*_arguments):
        raise AssertionError("hashed")

    monkeypatch.setattr(Passwords, "verify", never)
    with pytest.raises(Throttled) as caught:
        await identity.sessions.log_in(login("ann"))
    assert caught.value.answer.retry_seconds > 0
