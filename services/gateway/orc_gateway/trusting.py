"""
Trusting: judging access tokens by what auth says, which is asked for again and again.

    every two seconds, and when something was ended    ask which keys are good and which sessions are over
    not heard for longer than `STALE_SECONDS`          no token is taken: 503, since one that was ended may be among them
    a key that is not known                            ask at once, but not at a stranger's pace

So what is ended anywhere is ended here within five seconds, whatever breaks, and after a restart too.
"""

import asyncio
from collections.abc import Callable
from typing import Never

import structlog

from orc_events.bus import Bus
from orc_gateway.auth_client import AuthClient
from orc_gateway.problems import Refusal, Unavailable
from orc_runtime.auth_messages.trust import ASK_SECONDS, CHANGED, STALE_SECONDS, TRUST, PublicKey, Trust
from orc_runtime.principal import Principal
from orc_runtime.tokens import UnknownKey, Verifier

log = structlog.stdlib.get_logger()

ANSWER_SECONDS_MAX = 1.5
STRANGER_SECONDS = 1.0
"""An unknown key has auth asked so often at the most."""


class Trusting:
    """What this gateway goes by; `run` keeps it fresh."""

    def __init__(self, bus: Bus, auth: AuthClient) -> None:
        self._bus, self._auth = bus, auth
        self._keys: tuple[PublicKey, ...] = ()
        self._verifier: Verifier | None = None
        self._as_of = self._failed_at = float("-inf")
        self._asking = asyncio.Lock()
        self._changed = asyncio.Event()
        self._told: list[Callable[[], None]] = []

    def on_changed(self, told: Callable[[], None]) -> None:
        """Call back whenever something was ended."""
        self._told.append(told)

    async def run(self) -> Never:
        """Ask for ever."""
        await self._bus.listen(CHANGED, self._hear)
        while True:
            self._changed.clear()
            try:
                await self._ask(fresher_than=_now())
            except Refusal as error:
                log.warning("auth does not tell whom to trust", reason=error.detail)
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _hear(self, _subject: str, _data: bytes) -> None:
        self._changed.set()
        for told in self._told:
            told()

    async def keys(self) -> tuple[PublicKey, ...]:
        """Return the public keys; raises Unavailable when auth has not told for too long."""
        await self._fresh()
        return self._keys

    async def verify(self, token: str) -> Principal:
        """Return whom a token speaks for; raises InvalidToken, or Unavailable when that cannot be known."""
        verifier = await self._fresh()
        try:
            return verifier.verify(token)
        except UnknownKey:
            await self._ask(fresher_than=_now() - STRANGER_SECONDS)
            return (await self._fresh()).verify(token)

    async def _fresh(self) -> Verifier:
        if self._verifier is None or _now() - self._as_of > STALE_SECONDS:
            try:
                await self._ask(fresher_than=_now() - STALE_SECONDS)
            except Refusal as error:
                raise Unavailable("tokens cannot be checked now") from error
        assert self._verifier is not None
        return self._verifier

    async def _ask(self, *, fresher_than: float) -> None:
        """Ask, unless somebody has asked since; raises Refusal."""
        began_at = _now()
        async with self._asking:
            if self._as_of >= fresher_than:
                return
            if self._failed_at >= began_at:
                # Whoever waited for an answer that did not come does not wait for the next one, too.
                raise Unavailable("the auth service does not answer now")
            # What is answered was so at some moment after this one.
            asked_at = _now()
            try:
                trust = await self._auth.ask(TRUST, None, Trust, seconds_max=ANSWER_SECONDS_MAX)
            except Refusal:
                self._failed_at = _now()
                raise
            self._keys, self._verifier, self._as_of = trust.keys, Verifier(trust), asked_at


def _now() -> float:
    return asyncio.get_running_loop().time()
