"""
Keys at rest: signing keys that rest in clear are sealed once there is a master key, and sealed anew by the next one.

    at the start    those in clear are sealed; whether the one that signs can be opened is looked at
    asked to        those too that an older master key seals
"""

import asyncpg
import structlog

from orc_auth.sealers import MasterSealer, NoMasterKey, is_clear
from orc_auth.transactions import in_transaction
from orc_events.statements import load
from orc_runtime.master_keys import COMMAND_VARIABLE, FILE_VARIABLE
from orc_runtime.sealing import CannotOpen
from orc_runtime.settings import SettingsError

log = structlog.stdlib.get_logger()

KEYS_MAX = 1_000


class KeysAtRest:
    """Looks after the column that private keys rest in."""

    def __init__(self, pool: asyncpg.Pool, sealer: MasterSealer | NoMasterKey) -> None:
        self._pool, self._sealer = pool, sealer

    async def prepare(self) -> None:
        """Seal what rests in clear; raises SettingsError when the key that signs can be opened by nothing here."""
        await in_transaction(self._pool, lambda connection: self._seal(connection, also_older=False))
        row = await self._pool.fetchrow(load("orc_auth", "signing_key"))
        try:
            if row is not None:
                self._sealer.open(row["kid"], row["private_key"])
        except CannotOpen as error:
            raise SettingsError(
                [
                    f"{FILE_VARIABLE} or {COMMAND_VARIABLE} must give the key that opens the signing key: {error}"
                ]
            ) from error

    async def seal_anew(self) -> int:
        """Seal all by the newest master key, and return how many were not."""
        return await in_transaction(self._pool, lambda connection: self._seal(connection, also_older=True))

    async def _seal(self, connection: asyncpg.Connection, *, also_older: bool) -> int:
        sealer = self._sealer
        if not isinstance(sealer, MasterSealer):
            return 0
        await connection.execute(load("orc_auth", "lock_keys"))
        done = 0
        for row in await connection.fetch(load("orc_auth", "keys_at_rest"), KEYS_MAX):
            kid, rests = row["kid"], row["private_key"]
            if not (is_clear(rests) or (also_older and not sealer.is_newest(rests))):
                continue
            try:
                sealed = sealer.seal(kid, sealer.open(kid, rests))
            except CannotOpen as error:
                # It signs nothing any more, or we would not have started.
                log.warning("a signing key stays as it rests", kid=kid, reason=str(error))
                continue
            await connection.execute(load("orc_auth", "reseal_key"), kid, sealed)
            done += 1
        return done
