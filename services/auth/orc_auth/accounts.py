"""
Accounts: made once, asked for at every login.

    register    judge name and password, ask who may register, hash, then one transaction: the account, and as its
                last statement the event that says so
    log in      find the account, verify (for nobody's account too, in the same time), sign a token

The event never holds the hash: the account row is auth's own, the log is everybody's.
"""

import hashlib
import hmac
from typing import ClassVar
from uuid import UUID, uuid5

import asyncpg
from msgspec import Struct

from orc_auth.denial import BadCredentials, Busy, Denied, RegistrationClosed, UsernameTaken
from orc_auth.passwords import Passwords, normalise, read_password
from orc_auth.tokens import SigningKey, issue, verifying_keys
from orc_auth.usernames import Username, read_username
from orc_domain.streams import user_stream
from orc_events.codec import EventCodec
from orc_events.errors import LogError
from orc_events.event import NO_STREAM, Append, StreamName
from orc_events.log import append_within
from orc_events.statements import load
from orc_runtime.auth_messages import LoggedIn, LogIn, Registered, RegisterUser
from orc_runtime.clock import Clock
from orc_runtime.principal import ANONYMOUS, Principal, Role
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken, Verifier

TRANSACTION_TRIES_MAX = 2
"""A connection that broke in the pool is found by using it; the second try gets a fresh one, and is the same command."""

BROKEN = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class UserRegistered(Struct, frozen=True, tag="user.registered"):
    """An account exists from now on."""

    SCHEMA_VERSION: ClassVar[int] = 1

    user_id: UUID
    username: str
    role: Role


CODEC: EventCodec[UserRegistered] = EventCodec(UserRegistered)


class Accounts:
    """The accounts of one installation."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        passwords: Passwords,
        key: SigningKey,
        clock: Clock,
        *,
        is_open: bool,
        bootstrap_secret: Secret | None,
        token_seconds: int,
    ) -> None:
        self._pool, self._passwords, self._key, self._clock = pool, passwords, key, clock
        self._is_open, self._bootstrap_secret, self._token_seconds = is_open, bootstrap_secret, token_seconds

    async def register(self, wish: RegisterUser) -> Registered:
        """Make an account, once for a request id; raises Denied."""
        username = read_username(wish.username)
        password = read_password(wish.password.reveal(), must_be_strong=not self._is_open)
        registrar, role = await self._authorise(wish.authority)
        password_hash = await self._passwords.hash(password)
        for attempt in range(1, TRANSACTION_TRIES_MAX + 1):
            try:
                return await self._insert(wish.request_id, username, password_hash, role, registrar)
            except BROKEN:
                if attempt == TRANSACTION_TRIES_MAX:
                    raise
        raise AssertionError("the loop returns or raises")

    async def log_in(self, wish: LogIn) -> LoggedIn:
        """Return a token for the right password; raises BadCredentials or Busy."""
        try:
            key, password = read_username(wish.username).key, normalise(wish.password.reveal())
        except Denied as error:
            # What can be no account's name or password is no hint about which accounts there are.
            raise BadCredentials from error
        account = await self._pool.fetchrow(load("orc_auth", "account_by_name"), key)
        password_hash = None if account is None else account["password_hash"]
        if not await self._passwords.verify(password, password_hash) or account is None:
            raise BadCredentials
        await self._renew_hash(account["user_id"], password, account["password_hash"])
        return LoggedIn(
            token=issue(
                self._key,
                username=account["username"],
                user_id=account["user_id"],
                role=account["role"],
                now=self._clock.now(),
                seconds=self._token_seconds,
            )
        )

    async def _authorise(self, authority: Secret | None) -> tuple[Principal, Role]:
        """Return who registers and what the new account may do; raises RegistrationClosed."""
        if self._is_open:
            return ANONYMOUS, "operator"
        if authority is None:
            raise RegistrationClosed
        if self._bootstrap_secret is not None and hmac.compare_digest(
            hashlib.sha256(authority.reveal().encode()).digest(),
            hashlib.sha256(self._bootstrap_secret.reveal().encode()).digest(),
        ):
            return ANONYMOUS, "admin"
        try:
            keys = await verifying_keys(self._pool, self._token_seconds)
            registrar = Verifier(keys.keys).verify(authority.reveal())
        except InvalidToken as error:
            raise RegistrationClosed from error
        if registrar.role != "admin":
            raise RegistrationClosed
        return registrar, "operator"

    async def _insert(
        self, request_id: UUID, username: Username, password_hash: str, role: Role, registrar: Principal
    ) -> Registered:
        user_id = uuid5(request_id, "user")
        async with self._pool.acquire() as connection, connection.transaction():
            if role == "admin":
                await self._refuse_second_admin(connection)
            row = await connection.fetchrow(
                load("orc_auth", "insert_account"), user_id, username.shown, username.key, password_hash, role
            )
            if row is None:
                row = await connection.fetchrow(load("orc_auth", "account_by_name"), username.key)
                # The same request again, its first answer lost: what it made is its answer.
                if row is None or row["user_id"] != user_id:
                    raise UsernameTaken(username.shown)
            else:
                event = UserRegistered(user_id=user_id, username=username.shown, role=role)
                await _append(connection, request_id, event, registrar, self._clock)
        return Registered(
            user_id=user_id,
            username=row["username"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )

    async def _renew_hash(self, user_id: UUID, password: str, password_hash: str) -> None:
        if not self._passwords.is_outdated(password_hash):
            return
        try:
            renewed = await self._passwords.hash(password)
        except Busy:
            # The next login renews it; this one was right.
            return
        await self._pool.execute(load("orc_auth", "rehash_password"), user_id, password_hash, renewed)

    async def _refuse_second_admin(self, connection: asyncpg.Connection) -> None:
        await connection.execute(load("orc_auth", "lock_first_admin"))
        if await connection.fetchval(load("orc_auth", "admin_exists")):
            raise RegistrationClosed


async def _append(
    connection: asyncpg.Connection,
    request_id: UUID,
    event: UserRegistered,
    registrar: Principal,
    clock: Clock,
) -> None:
    new = CODEC.encode(event)
    [outcome] = await append_within(
        connection,
        [
            Append(
                command_id=request_id,
                body_hash=hashlib.sha256(new.data.encode()).digest(),
                stream=StreamName(user_stream(event.user_id)),
                expected_version=NO_STREAM,
                events=(new,),
                actor=registrar.subject,
                correlation_id=request_id,
                occurred_at=clock.now(),
            )
        ],
    )
    if isinstance(outcome, LogError):
        raise outcome
