"""
Identity: everything the auth service knows how to answer, put together once over a database.

    authority  ◀── sessions (tokens) and API keys: whom a credential speaks for
    accounts, API keys, sessions, signing keys ──▶ questions, a line per subject
"""

from collections.abc import Awaitable, Callable, Mapping

import asyncpg
from msgspec import Struct

from orc_auth.account_changes import AccountChanges
from orc_auth.accounts import Accounts
from orc_auth.answers import Question
from orc_auth.api_keys import ApiKeys
from orc_auth.authority import Authority
from orc_auth.key_holders import KeyHolders
from orc_auth.passwords import Passwords
from orc_auth.sessions import Sessions
from orc_auth.signing import Sealer, SigningKeys
from orc_auth.throttle import Throttle
from orc_auth.trust import Trusted
from orc_runtime.access import Access
from orc_runtime.auth_messages import accounts as accounts_messages
from orc_runtime.auth_messages import api_keys as key_messages
from orc_runtime.auth_messages.sessions import LOG_IN, LOG_OUT, REFRESH, LogIn, LogOut, Refresh
from orc_runtime.auth_messages.signing_keys import ROTATE, Rotate, Rotated
from orc_runtime.auth_messages.trust import TRUST, Trust
from orc_runtime.auth_messages.wire import Done
from orc_runtime.clock import Clock
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken, Verifier

ROTATES = Access("admin", "keys:write")


class Terms(Struct, frozen=True, kw_only=True):
    """What an installation decides about identity."""

    is_open: bool
    """Anybody may register, and whoever sends no credential may do anything."""
    bootstrap_secret: Secret | None = None
    token_seconds: int = 900
    refresh_seconds: int = 7 * 86_400
    session_seconds: int = 30 * 86_400
    key_days: int = 90


class Identity:
    """Answers all questions about who is who."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        passwords: Passwords,
        sealer: Sealer,
        clock: Clock,
        terms: Terms,
        *,
        tell: Callable[[], Awaitable[None]],
    ) -> None:
        self._tell = tell
        self.pool = pool
        throttle = Throttle(pool)
        self.keys = SigningKeys(pool, sealer, clock, token_seconds=terms.token_seconds, days=terms.key_days)
        self.trusted = Trusted(pool, self.keys, token_seconds=terms.token_seconds)
        self.sessions = Sessions(
            pool, passwords, self.keys, throttle, clock, tell=tell,
            token_seconds=terms.token_seconds,
            refresh_seconds=terms.refresh_seconds,
            session_seconds=terms.session_seconds,
        )  # fmt: skip
        holders = KeyHolders(pool)
        self.authority = Authority(is_open=terms.is_open, tokens=self._judge_token, api_keys=holders.judge)
        self.api_keys = ApiKeys(pool, self.authority, holders, clock, tell)
        self.accounts = Accounts(
            pool, passwords, self.authority, throttle, clock,
            is_open=terms.is_open,
            bootstrap_secret=terms.bootstrap_secret,
        )  # fmt: skip
        self.changes = AccountChanges(
            pool, passwords, self.authority, throttle, clock, tell=tell, is_open=terms.is_open
        )

    def questions(self) -> Mapping[str, Question]:
        """Return what may be asked, by subject."""
        accounts, changes, keys = self.accounts, self.changes, self.api_keys
        return {
            accounts_messages.REGISTER: Question(accounts_messages.RegisterUser, accounts.register),
            accounts_messages.BOOTSTRAP: Question(accounts_messages.Bootstrap, accounts.bootstrap),
            accounts_messages.ADD_USER: Question(accounts_messages.AddUser, accounts.add),
            accounts_messages.LIST_USERS: Question(accounts_messages.ListUsers, accounts.list),
            accounts_messages.CHANGE_USER: Question(accounts_messages.ChangeUser, changes.change),
            accounts_messages.CHANGE_PASSWORD: Question(
                accounts_messages.ChangePassword, changes.change_password
            ),
            key_messages.ADD_KEY: Question(key_messages.AddKey, keys.add),
            key_messages.LIST_KEYS: Question(key_messages.ListKeys, keys.list),
            key_messages.REVOKE_KEY: Question(key_messages.RevokeKey, keys.revoke),
            key_messages.WHOSE_KEY: Question(key_messages.WhoseKey, keys.whose),
            LOG_IN: Question(LogIn, self.sessions.log_in),
            REFRESH: Question(Refresh, self.sessions.refresh),
            LOG_OUT: Question(LogOut, self._log_out),
            ROTATE: Question(Rotate, self._rotate),
            TRUST: Question(None, lambda _wish: self.trusted.tell()),
        }

    async def _log_out(self, wish: LogOut) -> Done:
        return await self.sessions.log_out(await self.authority.of(wish.authority), wish)

    async def _rotate(self, wish: Rotate) -> Rotated:
        actor = await self.authority.require(wish.authority, ROTATES)
        kid = await self.keys.rotate(actor, wish.request_id, drop_old=wish.drop_old)
        if wish.drop_old:
            await self._tell()
        return Rotated(kid=kid)

    async def _judge_token(self, token: Secret) -> Principal:
        # Whether its session is over is asked below, of the very row: no list of what has ended is needed.
        verifier = Verifier(Trust(keys=await self.keys.public(), ended=()))
        principal = verifier.verify(token.reveal())
        if principal.session_id is None:
            raise InvalidToken
        return await self.sessions.state(principal)
