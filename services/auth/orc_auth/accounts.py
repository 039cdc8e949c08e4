"""
Accounts: made and listed. What becomes of one afterwards is `account_changes`.

    register     open in `optional` mode; else an admin's alone
    bootstrap    the first admin, once, by a secret that the operator has set
    add          by an admin, with any role

    judge the name, ask who may, judge and hash the password, then one transaction: the account, and as its last
    statement the event that says so. The event never holds the hash: the row is auth's own, the log is everybody's.
"""

import hashlib
import hmac
from uuid import UUID, uuid4

import asyncpg

from orc_auth.authority import Authority
from orc_auth.denial import BootstrapRefused, Denied, NotByKey, RegistrationClosed, UsernameTaken
from orc_auth.events import Said, UserRegistered, say
from orc_auth.passwords import Passwords
from orc_auth.throttle import Throttle
from orc_auth.transactions import in_transaction
from orc_auth.usernames import Username, read_username
from orc_events.event import NO_STREAM
from orc_events.statements import load
from orc_runtime.access import Access
from orc_runtime.auth_messages.accounts import (
    Account,
    AccountList,
    AddUser,
    Bootstrap,
    ListUsers,
    RegisterUser,
)
from orc_runtime.clock import Clock
from orc_runtime.principal import ANONYMOUS, Principal, Role
from orc_runtime.settings import Secret

LIST = Access("admin", "users:read")
CHANGE = Access("admin", "users:write")
LIST_MAX = 1000


class Accounts:
    """The accounts of one installation."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        passwords: Passwords,
        authority: Authority,
        throttle: Throttle,
        clock: Clock,
        *,
        is_open: bool,
        bootstrap_secret: Secret | None,
    ) -> None:
        """With `is_open` anybody may register, and any password will do."""
        self._pool, self._passwords, self._authority = pool, passwords, authority
        self._throttle, self._clock, self._is_open = throttle, clock, is_open
        self._bootstrap_secret = bootstrap_secret

    async def register(self, wish: RegisterUser) -> Account:
        """Make an operator; raises RegistrationClosed, UsernameTaken and what is invalid."""
        registrar = await self._registrar(wish.authority)
        return await self._make(wish.request_id, wish.username, wish.password, "operator", registrar)

    async def bootstrap(self, wish: Bootstrap) -> Account:
        """Make the first admin; raises BootstrapRefused, Throttled and what is invalid."""
        await self._throttle.check(None, wish.address)
        if not self._is_bootstrap_secret(wish.secret):
            await self._throttle.failed(None, wish.address)
            raise BootstrapRefused
        return await self._make(
            wish.request_id, wish.username, wish.password, "admin", ANONYMOUS, is_first=True
        )

    async def add(self, wish: AddUser) -> Account:
        """Make an account of any role; raises Unauthorized, Forbidden, NotByKey, UsernameTaken and what is invalid."""
        admin = await self._authority.require(wish.authority, CHANGE)
        if wish.role == "admin" and admin.scopes is not None:
            raise NotByKey("makes no admin")
        return await self._make(wish.request_id, wish.username, wish.password, wish.role, admin)

    async def list(self, wish: ListUsers) -> AccountList:
        """Return a page; raises Unauthorized, Forbidden."""
        await self._authority.require(wish.authority, LIST)
        limit = max(1, min(wish.limit, LIST_MAX))
        rows = await self._pool.fetch(load("orc_auth", "accounts"), wish.after, limit)
        total = await self._pool.fetchval(load("orc_auth", "count_accounts"))
        return AccountList(accounts=tuple(shown(row) for row in rows), total=total)

    async def _registrar(self, authority: Secret | None) -> Principal:
        if authority is None and self._is_open:
            return ANONYMOUS
        if self._is_open:
            return await self._authority.require(authority, Access(None))
        try:
            return await self._authority.require(authority, CHANGE)
        except Denied as error:
            # Whatever it lacks, the answer is that there is no registering here.
            raise RegistrationClosed from error

    def _is_bootstrap_secret(self, given: Secret) -> bool:
        if self._bootstrap_secret is None:
            return False
        # Hashes have one length, and comparing them takes the same time wherever they differ.
        return hmac.compare_digest(_sha256(given), _sha256(self._bootstrap_secret))

    async def _make(
        self,
        request_id: UUID,
        name: str,
        password: Secret,
        role: Role,
        actor: Principal,
        *,
        is_first: bool = False,
    ) -> Account:
        username = read_username(name)
        password_hash = await self._passwords.hash_new(
            password.reveal(), username=username.shown, must_be_strong=not self._is_open
        )
        # Of this call: a second try of its transaction makes the same account.
        user_id, command_id = uuid4(), uuid4()

        async def work(connection: asyncpg.Connection) -> Account:
            if is_first:
                await self._refuse_second_admin(connection, user_id)
            row = await connection.fetchrow(
                load("orc_auth", "insert_account"), user_id, username.shown, username.key, password_hash, role
            )
            if row is None:
                return await self._made_before(connection, user_id, username)
            event = UserRegistered(user_id=user_id, username=username.shown, role=role)
            said = [Said(NO_STREAM, (event,), command_id)]
            await say(connection, said, actor=actor, request_id=request_id, clock=self._clock)
            return shown(row)

        return await in_transaction(self._pool, work)

    async def _made_before(
        self, connection: asyncpg.Connection, user_id: UUID, username: Username
    ) -> Account:
        row = await connection.fetchrow(load("orc_auth", "account_by_name"), username.key)
        # Made by the first try, whose answer was lost: what it made is the answer.
        if row is None or row["user_id"] != user_id:
            raise UsernameTaken(username.shown)
        return shown(row)

    async def _refuse_second_admin(self, connection: asyncpg.Connection, user_id: UUID) -> None:
        await connection.execute(load("orc_auth", "lock_admins"))
        if await connection.fetchval(load("orc_auth", "other_admin_exists"), user_id):
            raise BootstrapRefused


def shown(row: asyncpg.Record) -> Account:
    """Return a row of accounts as REST shows it."""
    return Account(
        user_id=row["user_id"],
        username=row["username"],
        role=row["role"],
        is_active=row["is_active"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _sha256(secret: Secret) -> bytes:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).digest()
