"""
API keys: whom one speaks for, asked of auth and remembered for two seconds.

    mangled                      refused at once: its checksum is wrong
    asked for a moment ago       the same answer, also when it was that there is no such key
    something was ended          all is forgotten, and what is being answered right now is not remembered

So a key that is revoked, whose owner is deactivated or has another role, is that everywhere within five seconds.
Keys are remembered by their hash, so that a dump of this process holds none.
"""

import asyncio
import hashlib

from msgspec import Struct

from orc_gateway.auth_client import AuthClient
from orc_gateway.problems import Refusal
from orc_runtime.api_key_text import parse_key
from orc_runtime.auth_messages.api_keys import WHOSE_KEY, KeyOwner, WhoseKey
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken

REMEMBERED_SECONDS = 2.0
REMEMBERED_MAX = 2_000
"""Of good keys, and of bad ones as many again: strangers' bad keys push no good one out."""


class _Remembered(Struct, frozen=True):
    principal: Principal | None
    """None: there is no such key."""
    until: float


class ApiKeys:
    """The keys this gateway was sent lately."""

    def __init__(self, auth: AuthClient) -> None:
        self._auth = auth
        self._good: dict[bytes, _Remembered] = {}
        self._bad: dict[bytes, _Remembered] = {}
        self._asked: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._forgotten = 0

    async def verify(self, key: str) -> Principal:
        """Return whom a key speaks for; raises InvalidToken, or Unavailable when that cannot be known."""
        if parse_key(key) is None:
            raise InvalidToken
        name = hashlib.sha256(key.encode()).digest()
        known = self._good.get(name) or self._bad.get(name)
        if known is not None and known.until > asyncio.get_running_loop().time():
            principal = known.principal
        else:
            principal = await self._ask(name, Secret(key))
        if principal is None:
            raise InvalidToken
        return principal

    def forget(self) -> None:
        """Remember nothing: something was ended."""
        self._forgotten += 1
        self._good.clear()
        self._bad.clear()
        # Whoever asks from now on asks anew.
        self._asked.clear()

    async def _ask(self, name: bytes, key: Secret) -> Principal | None:
        """Ask auth, once for all who send the same key at the same moment."""
        task = self._asked.get(name)
        if task is None:
            task = asyncio.create_task(self._look(name, key))
            self._asked[name] = task
        # Who gives up waiting leaves the answer to the others.
        return await asyncio.shield(task)

    async def _look(self, name: bytes, key: Secret) -> Principal | None:
        forgotten, asked_at = self._forgotten, asyncio.get_running_loop().time()
        try:
            principal = await self._whose(key)
            if forgotten == self._forgotten:
                self._remember(name, _Remembered(principal, asked_at + REMEMBERED_SECONDS))
        finally:
            if forgotten == self._forgotten:
                self._asked.pop(name, None)
        return principal

    async def _whose(self, key: Secret) -> Principal | None:
        try:
            return (await self._auth.ask(WHOSE_KEY, WhoseKey(key=key), KeyOwner)).principal
        except Refusal as error:
            if error.status == 401:  # noqa: PLR2004
                return None
            raise

    def _remember(self, name: bytes, answer: _Remembered) -> None:
        self._good.pop(name, None)
        self._bad.pop(name, None)
        memory = self._bad if answer.principal is None else self._good
        if len(memory) >= REMEMBERED_MAX:
            del memory[next(iter(memory))]
        memory[name] = answer
