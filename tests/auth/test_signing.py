"""One key signs for all processes; the public half is all that leaves."""

import asyncio

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.servers import execute

from orc_auth.tokens import signing_key, thumbprint, verifying_keys
from orc_events.statements import load


async def test_processes_agree_on_the_first_key(pool):
    """A process that starts while another makes the first key waits for that one and signs with it."""
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(load("orc_auth", "lock_keys"))
        mine = asyncio.create_task(signing_key(pool))
        while not mine.done() and not await other.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        ):
            continue
        await other.execute(load("orc_auth", "insert_key"), "theirs", bytes(32), bytes(32))
        await transaction.commit()

    assert (await mine).kid == "theirs"
    assert await pool.fetchval("SELECT count(*) FROM keys") == 1


def test_thumbprint():
    """The thumbprint is the one of RFC 8037, appendix A.3."""
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


async def test_keys_of_living_tokens(database, pool):
    """A retired key is shown until the last token it signed has expired; a new one signs in its place."""
    first = await signing_key(pool)
    await pool.execute("UPDATE keys SET retired_at = clock_timestamp()")
    second = await signing_key(pool)
    while_alive = await verifying_keys(pool, 900)
    await execute(database.superuser_url, "UPDATE auth.keys SET retired_at = retired_at - interval '901 s'")
    afterwards = await verifying_keys(pool, 900)

    assert [key.kid for key in while_alive.keys] == [second.kid, first.kid]
    assert [key.kid for key in afterwards.keys] == [second.kid]
