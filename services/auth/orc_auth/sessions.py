"""
Sessions: opened by a password, carried on by refresh tokens, ended by many things.

    log in      the password is right: a session, an access token of some minutes, and a refresh token
    refresh     the refresh token is used up, the session gets two new ones; one that comes again was copied: the
                session ends, for the thief and for its owner
    log out     it ends; the verifiers are told, and know it within five seconds at the most

Ended sessions are listed by `Trust` for as long as one of their access tokens may live.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

import asyncpg

from orc_auth.denial import BadCredentials, Busy, Denied, Unauthorized
from orc_auth.events import Said, SessionEnded, SessionOpened, say
from orc_auth.passwords import Passwords, normalise
from orc_auth.signing import SigningKeys
from orc_auth.throttle import Throttle
from orc_auth.tokens import Bearer, issue, life
from orc_auth.transactions import in_transaction
from orc_auth.usernames import read_username
from orc_events.event import NO_STREAM
from orc_events.statements import load
from orc_runtime.auth_messages.sessions import LogIn, LogOut, Opened, Refresh
from orc_runtime.auth_messages.wire import Done
from orc_runtime.clock import Clock
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken

SESSIONS_MAX = 1_000
"""Living sessions of one account; another ends the oldest."""
RACE_SECONDS = 2.0
"""A refresh token that comes again so soon is taken for two requests of one client: refused, but nothing ends."""
REFRESH_PREFIX = "orcr_"

Tell = Callable[[], Awaitable[None]]
"""Says to all verifiers that something was ended."""

Why = Literal["logout", "reuse", "account", "crowded"]


class RefreshReused(Unauthorized):
    """It was used before, so somebody else has it too; to the asker it is as any other that is not taken."""


class Sessions:
    """The sessions of one installation."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        passwords: Passwords,
        keys: SigningKeys,
        throttle: Throttle,
        clock: Clock,
        *,
        tell: Tell,
        token_seconds: int,
        refresh_seconds: int,
        session_seconds: int,
    ) -> None:
        self._pool, self._passwords, self._keys, self._throttle = pool, passwords, keys, throttle
        self._clock, self._tell = clock, tell
        self._token_seconds, self._refresh_seconds = token_seconds, refresh_seconds
        self._session_seconds = session_seconds

    async def log_in(self, wish: LogIn) -> Opened:
        """Open a session for the right password; raises BadCredentials, Throttled or Busy."""
        try:
            username, password = read_username(wish.username), normalise(wish.password.reveal())
        except Denied as error:
            # What can be no account's name or password is no hint about which accounts there are.
            raise BadCredentials from error
        await self._throttle.check(username.key, wish.address)
        account = await self._pool.fetchrow(load("orc_auth", "account_by_name"), username.key)
        password_hash = None if account is None else account["password_hash"]
        is_right = await self._passwords.verify(password, password_hash)
        if not is_right or account is None or not account["is_active"]:
            await self._throttle.failed(username.key, wish.address)
            raise BadCredentials
        await self._throttle.succeeded(username.key)
        await self._renew_hash(account["user_id"], password, account["password_hash"])
        return await self.open(
            Principal(
                subject=f"user:{account['username']}", user_id=account["user_id"], role=account["role"]
            ),
            account["username"],
            wish.request_id,
            version=account["version"],
        )

    async def open(
        self,
        principal: Principal,
        username: str,
        request_id: UUID,
        *,
        version: int,
        by: str = "password",
        seconds_max: int | None = None,
    ) -> Opened:
        """
        Open a session for somebody who has proved to be that account; it lasts `seconds_max` if that is less.

        Raises BadCredentials when the account is no longer what it was at that `version`.
        """
        user_id = principal.user_id
        assert user_id is not None

        async def work(connection: asyncpg.Connection) -> tuple[UUID, datetime, Secret, bool]:
            # What changes an account ends its sessions: one that opens meanwhile would be missed, and outlive that.
            if await connection.fetchval(load("orc_auth", "hold_account"), user_id, version) is None:
                raise BadCredentials
            session_id = uuid4()
            expires_at = await connection.fetchval(
                load("orc_auth", "insert_session"),
                session_id,
                user_id,
                float(min(self._session_seconds, seconds_max or self._session_seconds)),
            )
            refresh = await self._new_refresh_token(connection, session_id, expires_at)
            rows = await connection.fetch(load("orc_auth", "crowding_sessions"), user_id, SESSIONS_MAX)
            ended = [
                said for row in rows for said in await _end(connection, user_id, row["session_id"], "crowded")
            ]
            opened = SessionOpened(session_id=session_id, user_id=user_id, by=by)
            said = [Said(NO_STREAM, (opened,), uuid4()), *ended]
            await say(connection, said, actor=principal, request_id=request_id, clock=self._clock)
            return session_id, expires_at, refresh, bool(ended)

        session_id, expires_at, refresh, has_ended = await in_transaction(self._pool, work)
        if has_ended:
            await self._tell()
        bearer = Bearer(user_id=user_id, username=username, role=principal.role, session_id=session_id)
        return await self._opened(bearer, expires_at, refresh)

    async def refresh(self, wish: Refresh) -> Opened:
        """Carry a session on; raises Unauthorized, and ends the session when the token was used before."""
        token_hash = _hash(wish.refresh_token)

        async def work(connection: asyncpg.Connection) -> tuple[Bearer, datetime, Secret] | Denied:
            if await connection.fetchval(load("orc_auth", "session_of_refresh_token"), token_hash) is None:
                return Unauthorized()
            row = await connection.fetchrow(load("orc_auth", "refresh_token"), token_hash)
            if row["is_ended"] or row["is_expired"] or not row["is_active"]:
                return Unauthorized()
            if row["used_seconds"] is not None:
                if row["used_seconds"] < RACE_SECONDS:
                    return Denied("conflict", "refresh-raced", "this refresh token was used a moment ago")
                owner = Principal(subject=f"user:{row['username']}", user_id=row["user_id"], role=row["role"])
                said = await _end(connection, row["user_id"], row["session_id"], "reuse")
                await say(connection, said, actor=owner, request_id=wish.request_id, clock=self._clock)
                return RefreshReused()
            await connection.execute(load("orc_auth", "use_refresh_token"), token_hash)
            refresh = await self._new_refresh_token(connection, row["session_id"], row["expires_at"])
            bearer = Bearer(
                user_id=row["user_id"],
                username=row["username"],
                role=row["role"],
                session_id=row["session_id"],
            )
            return bearer, row["expires_at"], refresh

        outcome = await in_transaction(self._pool, work)
        if isinstance(outcome, Denied):
            if isinstance(outcome, RefreshReused):
                # Committed all the same: the session has ended.
                await self._tell()
            raise outcome
        return await self._opened(*outcome)

    async def log_out(self, principal: Principal, wish: LogOut) -> Done:
        """End the session of an access token, or all of the person's."""
        user_id, session_id = principal.user_id, principal.session_id
        if user_id is None or session_id is None:
            raise Denied("forbidden", "no-session", "an API key has no session; revoke it instead")
        await self.end(
            principal,
            user_id,
            wish.request_id,
            session_id=session_id if wish.which == "this" else None,
            why="logout",
        )
        return Done()

    async def end(
        self,
        actor: Principal,
        user_id: UUID,
        request_id: UUID,
        *,
        session_id: UUID | None = None,
        why: Why,
    ) -> None:
        """End one session of an account, or all, and tell the verifiers."""

        async def work(connection: asyncpg.Connection) -> None:
            said = await _end(connection, user_id, session_id, why)
            await say(connection, said, actor=actor, request_id=request_id, clock=self._clock)

        await in_transaction(self._pool, work)
        await self._tell()

    async def state(self, principal: Principal) -> Principal:
        """Return a token's bearer as the database has it now; raises InvalidToken when the session is over."""
        row = await self._pool.fetchrow(
            load("orc_auth", "session_state"), principal.session_id, principal.user_id
        )
        if row is None or not row["lives"]:
            raise InvalidToken
        return Principal(
            subject=f"user:{row['username']}",
            user_id=principal.user_id,
            role=row["role"],
            session_id=principal.session_id,
        )

    async def _opened(self, bearer: Bearer, session_expires_at: datetime, refresh: Secret) -> Opened:
        key, now = await self._keys.current()
        expires_at = life(now, self._token_seconds, session_expires_at)
        token = issue(key, bearer, now=now, expires_at=expires_at)
        return Opened(token=token, expires_at=expires_at, refresh_token=refresh)

    async def _new_refresh_token(
        self, connection: asyncpg.Connection, session_id: UUID, session_expires_at: datetime
    ) -> Secret:
        token = Secret(REFRESH_PREFIX + secrets.token_urlsafe(32))
        await connection.execute(
            load("orc_auth", "insert_refresh_token"),
            _hash(token),
            session_id,
            float(self._refresh_seconds),
            session_expires_at,
        )
        return token

    async def _renew_hash(self, user_id: UUID, password: str, password_hash: str) -> None:
        if not self._passwords.is_outdated(password_hash):
            return
        try:
            renewed = await self._passwords.hash(password)
        except Busy:
            # The next login renews it; this one was right.
            return
        await self._pool.execute(load("orc_auth", "rehash_password"), user_id, password_hash, renewed)


async def end_sessions(connection: asyncpg.Connection, user_id: UUID, why: Why) -> list[Said]:
    """End all of an account's sessions in the caller's transaction; what is to be said of it is returned."""
    return await _end(connection, user_id, None, why)


async def _end(
    connection: asyncpg.Connection, user_id: UUID, session_id: UUID | None, why: Why
) -> list[Said]:
    rows = await connection.fetch(load("orc_auth", "end_sessions"), user_id, session_id, why)
    return [
        Said(1, (SessionEnded(session_id=row["session_id"], user_id=user_id, why=why),), uuid4())
        for row in rows
    ]


def _hash(token: Secret) -> bytes:
    return hashlib.sha256(token.reveal().encode()).digest()
