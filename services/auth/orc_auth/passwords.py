"""
Passwords: Argon2id (RFC 9106), in threads of its own, so many at once and no more.

Each hash takes 19 MiB while it is made. As many run at once as there are threads, and a cancelled request cannot
free its thread before the hash is done: that bounds the memory. Whoever finds the queue full is sent away.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from orc_auth.denial import Busy, InvalidPassword
from orc_auth.strength import check_strength

T = TypeVar("T")

PARAMETERS = argon2.Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19_456, parallelism=1
)
"""The least that OWASP's password storage cheat sheet recommends: what two at once take fits into a small pod."""

PASSWORD_BYTES_MAX = 1024
WAITING_MAX = 16
"""Requests that wait for a thread; with 25 ms a hash, the last of them waits for less than half a second."""


class Passwords:
    """Hashes and verifies; make one per process, `close` it."""

    def __init__(self, *, hashes_max: int, parameters: argon2.Parameters = PARAMETERS) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._threads = ThreadPoolExecutor(hashes_max, thread_name_prefix="password")
        self._places = hashes_max + WAITING_MAX
        # Verified for unknown users, so that they take as long as known ones.
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Return the encoded hash with its salt and cost; raises Busy."""
        return await self._in_thread(lambda: self._hasher.hash(password.encode()))

    async def hash_new(self, text: str, *, username: str, must_be_strong: bool) -> str:
        """Judge a new password, and return its hash; raises InvalidPassword, Busy."""
        password = read_password(text)

        def work() -> str:
            if must_be_strong:
                check_strength(password, username)
            return self._hasher.hash(password.encode())

        return await self._in_thread(work)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password is right; False for no hash, in the same time. Raises Busy."""

        def check() -> bool:
            try:
                return self._hasher.verify(password_hash or self._nobody, password.encode())
            except (VerificationError, InvalidHashError):
                return False

        return await self._in_thread(check) and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Give up what waits; a hash being made is finished by its thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._places == 0:
            raise Busy
        self._places -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._places += 1


def read_password(text: str) -> str:
    """Judge and normalise a new password, but for its strength; raises InvalidPassword."""
    if not text:
        raise InvalidPassword("a password must not be empty")
    return normalise(text)


def normalise(text: str) -> str:
    """Return the form that is hashed (NFC, RFC 8265); raises InvalidPassword for one too long or not text at all."""
    if len(text) > PASSWORD_BYTES_MAX:
        raise InvalidPassword(f"a password has {PASSWORD_BYTES_MAX} bytes at most")
    password = unicodedata.normalize("NFC", text)
    try:
        size = len(password.encode())
    except UnicodeEncodeError as error:
        raise InvalidPassword("a password is Unicode text") from error
    if size > PASSWORD_BYTES_MAX:
        raise InvalidPassword(f"a password has {PASSWORD_BYTES_MAX} bytes at most")
    return password
