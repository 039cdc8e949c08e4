"""
Account changes: role, being active, and password.

    change             by an admin; whatever of it makes a difference is said in one append of the account's stream
    change password    by whoever has the account and knows the old one

Either ends every session of the account, in the same transaction, so that nobody goes on with what they had. There is
always an active admin: those who would take the last one away go one after the other, and the last is refused.
"""

from uuid import UUID, uuid4

import asyncpg

from orc_auth.accounts import CHANGE, shown
from orc_auth.authority import Authority
from orc_auth.denial import LastAdmin, Missing, NoAccount, NoPassword, NotByKey, WrongPassword
from orc_auth.events import (
    Event,
    Said,
    UserActivated,
    UserDeactivated,
    UserPasswordChanged,
    UserRoleChanged,
    say,
)
from orc_auth.passwords import Passwords, normalise
from orc_auth.sessions import Tell, end_sessions
from orc_auth.throttle import Throttle
from orc_auth.transactions import in_transaction
from orc_events.statements import load
from orc_runtime.auth_messages.accounts import Account, ChangePassword, ChangeUser
from orc_runtime.clock import Clock
from orc_runtime.principal import Principal


class AccountChanges:
    """What may become of the accounts of one installation."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        passwords: Passwords,
        authority: Authority,
        throttle: Throttle,
        clock: Clock,
        *,
        tell: Tell,
        is_open: bool,
    ) -> None:
        """With `is_open` any new password will do."""
        self._pool, self._passwords, self._authority = pool, passwords, authority
        self._throttle, self._clock, self._tell, self._is_open = throttle, clock, tell, is_open

    async def change(self, wish: ChangeUser) -> Account:
        """Change what is given; raises Unauthorized, Forbidden, NotByKey, Missing, LastAdmin and what is invalid."""
        admin = await self._authority.require(wish.authority, CHANGE)
        if admin.scopes is not None and wish.password is not None:
            raise NotByKey("changes no password")
        if admin.scopes is not None and wish.role == "admin":
            raise NotByKey("makes no admin")
        password_hash = None
        if wish.password is not None:
            row = await self._account(wish.user_id)
            if row["password_hash"] is None:
                raise NoPassword
            password_hash = await self._passwords.hash_new(
                wish.password.reveal(), username=row["username"], must_be_strong=not self._is_open
            )

        async def work(connection: asyncpg.Connection) -> tuple[Account, bool]:
            row = await self._locked(connection, wish.user_id)
            role = row["role"] if wish.role is None else wish.role
            is_active = row["is_active"] if wish.is_active is None else wish.is_active
            if admin.scopes is not None and role == "admin" and is_active and not row["is_active"]:
                raise NotByKey("makes no admin")
            if not (role == "admin" and is_active) and await connection.fetchval(
                load("orc_auth", "is_last_admin"), wish.user_id
            ):
                raise LastAdmin
            events: list[Event] = []
            if role != row["role"]:
                events.append(UserRoleChanged(user_id=wish.user_id, role=role))
            if is_active != row["is_active"]:
                kind = UserActivated if is_active else UserDeactivated
                events.append(kind(user_id=wish.user_id))
            if password_hash not in {None, row["password_hash"]}:
                events.append(UserPasswordChanged(user_id=wish.user_id))
            if not events:
                return shown(row), False
            changed = await connection.fetchrow(
                load("orc_auth", "change_account"), wish.user_id, role, is_active, password_hash, len(events)
            )
            await self._say(connection, wish.request_id, admin, row, events)
            return shown(changed), True

        account, is_changed = await in_transaction(self._pool, work)
        if is_changed:
            await self._tell()
        return account

    async def change_password(self, wish: ChangePassword) -> Account:
        """Change one's own; raises Unauthorized, NotByKey, Throttled, WrongPassword and what is invalid."""
        owner = await self._authority.of(wish.authority)
        if owner.scopes is not None:
            raise NotByKey("changes no password")
        if owner.user_id is None:
            raise NoAccount
        before = await self._account(owner.user_id)
        await self._throttle.check(before["username_key"], wish.address)
        if not await self._passwords.verify(normalise(wish.old.reveal()), before["password_hash"]):
            await self._throttle.failed(before["username_key"], wish.address)
            raise WrongPassword
        await self._throttle.succeeded(before["username_key"])
        password_hash = await self._passwords.hash_new(
            wish.new.reveal(), username=before["username"], must_be_strong=not self._is_open
        )

        async def work(connection: asyncpg.Connection) -> Account:
            row = await self._locked(connection, before["user_id"])
            if row["password_hash"] == password_hash:
                # Done already, the answer was lost.
                return shown(row)
            if row["password_hash"] != before["password_hash"] or not row["is_active"]:
                # Changed since it was verified: it was the old one, and is no longer.
                raise WrongPassword
            changed = await connection.fetchrow(
                load("orc_auth", "change_account"), row["user_id"], row["role"], True, password_hash, 1
            )
            events: list[Event] = [UserPasswordChanged(user_id=row["user_id"])]
            await self._say(connection, wish.request_id, owner, row, events)
            return shown(changed)

        account = await in_transaction(self._pool, work)
        await self._tell()
        return account

    async def _account(self, user_id: UUID) -> asyncpg.Record:
        row = await self._pool.fetchrow(load("orc_auth", "account"), user_id)
        if row is None:
            raise Missing("account")
        return row

    async def _locked(self, connection: asyncpg.Connection, user_id: UUID) -> asyncpg.Record:
        await connection.execute(load("orc_auth", "lock_admins"))
        row = await connection.fetchrow(load("orc_auth", "lock_account"), user_id)
        if row is None:
            raise Missing("account")
        return row

    async def _say(
        self,
        connection: asyncpg.Connection,
        request_id: UUID,
        actor: Principal,
        row: asyncpg.Record,
        events: list[Event],
    ) -> None:
        said = [Said(row["version"], tuple(events), uuid4())]
        said += await end_sessions(connection, row["user_id"], "account")
        await say(connection, said, actor=actor, request_id=request_id, clock=self._clock)
