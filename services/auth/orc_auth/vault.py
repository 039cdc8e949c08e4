"""
The vault: secrets of jobs that admins set, at rest only as ciphertext.

    set       another value is another version, said in the log with a fingerprint; the same value changes nothing
    delete    the ciphertext goes, the version stays, so that no old value can be passed off as the next one
    rewrap    what older master keys seal is sealed by the newest, batch by batch; saying it again goes on

A value comes in and is never told: only the executor's workers open one.
"""

import hmac
from collections.abc import Mapping
from uuid import uuid4

import asyncpg
from msgspec import ValidationError, convert

from orc_auth.answers import Question
from orc_auth.authority import Authority
from orc_auth.denial import Denied, Missing
from orc_auth.events import Said, say
from orc_auth.keys_at_rest import KeysAtRest
from orc_auth.rewrapping import rewrap_older, sealed_in
from orc_auth.transactions import in_transaction
from orc_auth.vault_events import SecretDeleted, SecretSet, VaultEvent
from orc_domain.config import SecretName
from orc_events.statements import load
from orc_runtime.access import Access
from orc_runtime.auth_messages.secrets import (
    DELETE_SECRET,
    LIST_SECRETS,
    REWRAP_SECRETS,
    SET_SECRET,
    DeleteSecret,
    ListSecrets,
    Rewrapped,
    RewrapSecrets,
    SecretList,
    SetSecret,
    StoredSecret,
)
from orc_runtime.auth_messages.wire import Done
from orc_runtime.clock import Clock
from orc_runtime.master_keys import COMMAND_VARIABLE, FILE_VARIABLE
from orc_runtime.principal import Principal
from orc_runtime.sealing import SECRET, CannotOpen, Label, Sealing

READ = Access("operator", "secrets:read")
WRITE = Access("admin", "secrets:write")

VALUE_BYTES_MAX = 64 * 1024
SECRETS_MAX = 2_000
"""Names there ever were."""


class Vault:
    """The secrets of one installation."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        authority: Authority,
        sealing: Sealing | None,
        keys_at_rest: KeysAtRest,
        clock: Clock,
    ) -> None:
        """Without `sealing` what there is can be listed and deleted, and nothing set."""
        self._pool, self._authority, self._clock = pool, authority, clock
        self._given, self._keys_at_rest = sealing, keys_at_rest

    def questions(self) -> Mapping[str, Question]:
        """Return what may be asked, by subject."""
        return {
            SET_SECRET: Question(SetSecret, self.set),
            LIST_SECRETS: Question(ListSecrets, self.list),
            DELETE_SECRET: Question(DeleteSecret, self.delete),
            REWRAP_SECRETS: Question(RewrapSecrets, self.rewrap),
        }

    async def set(self, wish: SetSecret) -> StoredSecret:
        """Give a secret a value; raises Unauthorized, Forbidden and what is invalid."""
        actor = await self._authority.require(wish.authority, WRITE)
        sealing, name, value = self._sealing, _read_name(wish.name), _read_value(wish.value.reveal())

        async def work(connection: asyncpg.Connection) -> StoredSecret:
            row = await connection.fetchrow(load("orc_auth", "vault_lock"), name)
            if row is None:
                await connection.execute(load("orc_auth", "vault_lock_new"))
                row = await connection.fetchrow(load("orc_auth", "vault_lock"), name)
            if row is None and await connection.fetchval(load("orc_auth", "vault_count")) >= SECRETS_MAX:
                raise Denied("conflict", "too-many-secrets", f"there are {SECRETS_MAX} names already")
            if row is not None and _holds(sealing, row, value):
                return _stored(row)
            version, said = (1, 0) if row is None else (row["version"] + 1, row["stream_version"])
            label = Label(SECRET, name, version)
            sealed, fingerprint = sealing.seal(label, value), sealing.fingerprint(label, value)
            put = await connection.fetchrow(
                load("orc_auth", "vault_put"),
                name, version, sealed.data, sealed.wrapped_key, sealed.master_key_id, fingerprint,
                actor.subject, said + 1,
            )  # fmt: skip
            await self._say(connection, wish, actor, said, SecretSet(name, version, fingerprint))
            return _stored(put)

        return await in_transaction(self._pool, work)

    async def list(self, wish: ListSecrets) -> SecretList:
        """Return what there is; raises Unauthorized, Forbidden."""
        await self._authority.require(wish.authority, READ)
        rows = await self._pool.fetch(load("orc_auth", "vault_list"), SECRETS_MAX)
        return SecretList(secrets=tuple(_stored(row) for row in rows))

    async def delete(self, wish: DeleteSecret) -> Done:
        """Forget a secret; raises Unauthorized, Forbidden, Missing."""
        actor = await self._authority.require(wish.authority, WRITE)
        name = _read_name(wish.name)

        async def work(connection: asyncpg.Connection) -> bool:
            row = await connection.fetchrow(load("orc_auth", "vault_lock"), name)
            if row is None or row["sealed"] is None:
                return False
            await connection.execute(load("orc_auth", "vault_delete"), name, actor.subject)
            event = SecretDeleted(name, row["version"])
            await self._say(connection, wish, actor, row["stream_version"], event)
            return True

        if not await in_transaction(self._pool, work):
            raise Missing("secret in the store")
        return Done()

    async def rewrap(self, wish: RewrapSecrets) -> Rewrapped:
        """Seal by the newest master key what older ones seal, as far as time allows; raises Unauthorized, Forbidden."""
        actor = await self._authority.require(wish.authority, WRITE)
        sealing = self._sealing
        done, unopened = await rewrap_older(
            self._pool, sealing, actor=actor, request_id=wish.request_id, clock=self._clock
        )
        signing_keys = await self._keys_at_rest.seal_anew()
        left = await self._pool.fetchval(load("orc_auth", "vault_count_older"), sealing.newest)
        return Rewrapped(
            master_key_id=sealing.newest,
            rewrapped=done,
            signing_keys=signing_keys,
            left=left,
            unopened=unopened,
        )

    async def _say(
        self,
        connection: asyncpg.Connection,
        wish: SetSecret | DeleteSecret,
        actor: Principal,
        after: int,
        event: VaultEvent,
    ) -> None:
        said = [Said(after, (event,), uuid4())]
        await say(connection, said, actor=actor, request_id=wish.request_id, clock=self._clock)

    @property
    def _sealing(self) -> Sealing:
        if self._given is None:
            raise Denied(
                "conflict",
                "no-master-key",
                f"the secret store has no master key: set {FILE_VARIABLE} or {COMMAND_VARIABLE} of auth and the executor",
            )
        return self._given


def _holds(sealing: Sealing, row: asyncpg.Record, value: bytes) -> bool:
    """Tell whether a secret has that value already; one that cannot be opened has another."""
    if row["sealed"] is None:
        return False
    try:
        held = sealing.open(Label(SECRET, row["name"], row["version"]), sealed_in(row))
    except CannotOpen:
        return False
    return hmac.compare_digest(held, value)


def _stored(row: asyncpg.Record) -> StoredSecret:
    return StoredSecret(
        name=row["name"],
        version=row["version"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
        master_key_id=row["master_key_id"],
    )


def _read_name(text: str) -> str:
    try:
        name: str = convert(text, SecretName)
    except ValidationError as error:
        # It is not quoted: it may be a value in the wrong place.
        raise Denied(
            "invalid", "invalid-name", "no secret has such a name", "name",
            valid="a-z, 0-9 and hyphens, 63 characters at most, beginning with no hyphen",
        ) from error  # fmt: skip
    return name


def _read_value(text: str) -> bytes:
    try:
        value = text.encode()
    except UnicodeEncodeError:
        value = b""
    # A NUL can stand neither in a variable nor in a header.
    if not 1 <= len(value) <= VALUE_BYTES_MAX or b"\0" in value:
        raise Denied(
            "invalid", "invalid-value", "no secret has such a value", "value",
            valid=f"text of 1 to {VALUE_BYTES_MAX} bytes without NUL",
        )  # fmt: skip
    return value
