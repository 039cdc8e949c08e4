"""Passwords are hashed dearly, a few at a time, and a wrong one looks like any other."""

import asyncio
import threading

import argon2
import pytest
from argon2 import Parameters
from argon2.low_level import Type
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from orc_auth import passwords as passwords_module
from orc_auth.denial import Busy, Denied
from orc_auth.passwords import Passwords, read_password


async def test_right_and_wrong(passwords):
    """A password verifies against its own hash alone."""
    password_hash = await passwords.hash("mypassword")

    found = [
        await passwords.verify("mypassword", password_hash),
        await passwords.verify("mypasswords", password_hash),
        await passwords.verify("mypassword", "no hash"),
    ]
    assert found == [True, False, False]
    assert password_hash.startswith("$argon2id$")


async def test_nobody_has_no_password(passwords):
    """For an unknown user a hash is verified all the same, and even its own password is wrong."""
    assert not await passwords.verify("nobody's password", None)


async def test_default_cost():
    """By default a hash costs OWASP's least: 19 MiB, two passes, one lane; one of 64 MiB is to be renewed."""
    default = Passwords(hashes_max=1)
    try:
        password_hash = await default.hash("x")
        older = argon2.PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY).hash("x")
        renewed = [default.is_outdated(one) for one in (password_hash, older)]
    finally:
        default.close()

    assert argon2.extract_parameters(password_hash) == Parameters(Type.ID, 19, 16, 32, 2, 19 * 1024, 1)
    assert renewed == [False, True]


async def test_bounded(monkeypatch):
    """No more are hashed at once than there are threads, and who would wait too long is sent away."""
    monkeypatch.setattr(passwords_module, "WAITING_MAX", 1)
    passwords = Passwords(hashes_max=2, parameters=CHEAPEST)
    running, most, go, full = 0, 0, threading.Event(), threading.Event()
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 2:
                full.set()
        go.wait()
        with lock:
            running -= 1

    try:
        waiting = [asyncio.create_task(passwords._in_thread(work)) for _ in range(3)]
        await asyncio.to_thread(full.wait)
        with pytest.raises(Busy):
            await passwords.hash("one too many")
        go.set()
        await asyncio.gather(*waiting)
        after = await passwords.hash("room again")
    finally:
        passwords.close()

    assert (most, after[:10]) == (2, "$argon2id$")


async def test_cancelled_wait_frees_its_place(monkeypatch):
    """A request given up while waiting leaves its place to the next."""
    monkeypatch.setattr(passwords_module, "WAITING_MAX", 0)
    passwords = Passwords(hashes_max=1, parameters=CHEAPEST)
    go = threading.Event()
    try:
        task = asyncio.create_task(passwords._in_thread(go.wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        assert await passwords.hash("next")
    finally:
        passwords.close()


@pytest.mark.parametrize("text", ["x", "mypassword", "x" * 1024, " "], ids=lambda value: ascii(value)[:20])
async def test_good_passwords(passwords, text):
    """Anything but nothing, up to 1024 bytes, where no strength is asked for."""
    password_hash = await passwords.hash_new(text, username="ann", must_be_strong=False)
    assert await passwords.verify(text, password_hash)


@pytest.mark.parametrize("text", ["", "x" * 1025, "é" * 513, "\ud800"], ids=lambda value: ascii(value)[:20])
async def test_bad_passwords(passwords, text):
    """Nothing, too long, or not text: refused, naming the field."""
    with pytest.raises(Denied) as caught:
        await passwords.hash_new(text, username="ann", must_be_strong=False)

    assert (caught.value.answer.kind, caught.value.answer.field) == ("invalid", "password")


def test_normalised():
    """However a keyboard composes a letter, it is the same password."""
    assert read_password("e\u0301") == "\u00e9"
