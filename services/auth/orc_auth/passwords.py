"""
Passwords: Argon2id (RFC 9106), in threads of its own, so many at once and no more.

Each hash takes 64 MiB while it is made. As many run at once as there are threads, and a cancelled request cannot
free its thread before the hash is done: that bounds the memory. Whoever finds the queue full is sent away.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from orc_auth.denial import Busy, Denied

T = TypeVar("T")

PASSWORD_BYTES_MAX = 1024
STRONG_CHARS_MIN = 12
WAITING_MAX = 16
"""Requests that wait for a thread; with 0.2 s a hash, the last of them waits for less than two seconds."""


class Passwords:
    """Hashes and verifies; make one per process, `close` it."""

    def __init__(self, *, hashes_max: int, parameters: argon2.Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._threads = ThreadPoolExecutor(hashes_max, thread_name_prefix="password")
        self._places = hashes_max + WAITING_MAX
        # Verified for unknown users, so that they take as long as known ones.
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Return the encoded hash with its salt and cost; raises Busy."""
        return await self._in_thread(lambda: self._hasher.hash(password.encode()))

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


def read_password(text: str, *, must_be_strong: bool) -> str:
    """Judge and normalise a new password (NFC, RFC 8265); raises Denied (invalid). Where strength is judged, if it is."""
    if not text:
        raise _invalid("a password must not be empty")
    password = normalise(text)
    if must_be_strong and len(password) < STRONG_CHARS_MIN:
        raise _invalid(f"a password has {STRONG_CHARS_MIN} characters or more here")
    return password


def normalise(text: str) -> str:
    """Return the form that is hashed; raises Denied (invalid) for one too long or not text at all."""
    if len(text) > PASSWORD_BYTES_MAX:
        raise _invalid(f"a password has {PASSWORD_BYTES_MAX} bytes at most")
    password = unicodedata.normalize("NFC", text)
    try:
        size = len(password.encode())
    except UnicodeEncodeError as error:
        raise _invalid("a password is Unicode text") from error
    if size > PASSWORD_BYTES_MAX:
        raise _invalid(f"a password has {PASSWORD_BYTES_MAX} bytes at most")
    return password


def _invalid(detail: str) -> Denied:
    return Denied("invalid", "invalid-password", detail, "password")
