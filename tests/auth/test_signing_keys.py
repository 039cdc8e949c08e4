"""One key signs for all processes, the next is known before it does, and only public halves leave."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.servers import execute

from orc_auth.denial import Denied
from orc_auth.signing import CLEAR, KEYS_ACTOR, SigningKeys, thumbprint
from orc_events.event import Position
from orc_events.log import PostgresLog
from orc_events.statements import load
from orc_runtime.auth_messages.trust import KEY_AHEAD_SECONDS, STALE_SECONDS

ANN = KEYS_ACTOR


async def kids(keys: SigningKeys) -> list[str]:
    return [key.kid for key in await keys.public()]


async def pass_by(database, seconds: float) -> None:
    """Let time pass for all keys."""
    await execute(
        database.superuser_url,
        f"UPDATE auth.keys SET created_at = created_at - interval '{seconds} s',"
        f" signs_from = signs_from - interval '{seconds} s', retired_at = retired_at - interval '{seconds} s'",
    )


async def test_processes_agree_on_the_first_key(pool, clock):
    """A process that starts while another makes the first key waits for that one and signs with it."""
    keys = SigningKeys(pool, CLEAR, clock, token_seconds=900, days=90)
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(load("orc_auth", "lock_keys"))
        mine = asyncio.create_task(keys.prepare())
        while not mine.done() and not await other.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        ):
            continue
        await other.execute(load("orc_auth", "insert_key"), "theirs", bytes(32), bytes(32), 0.0)
        await transaction.commit()
    await mine

    assert (await keys.current())[0].kid == "theirs"
    assert await pool.fetchval("SELECT count(*) FROM keys") == 1


def test_thumbprint():
    """The thumbprint is the one of RFC 8037, appendix A.3."""
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


async def test_the_next_key_is_known_before_it_signs(keys, database):
    """A verifier that goes by news as old as they may be knows each key by the time its first token comes."""
    first = (await keys.current())[0].kid
    second = await keys.rotate(ANN, uuid4())
    assert (await keys.current())[0].kid == first
    assert await kids(keys) == [second, first]
    await pass_by(database, STALE_SECONDS)
    assert (await keys.current())[0].kid == first
    await pass_by(database, KEY_AHEAD_SECONDS - STALE_SECONDS)
    assert (await keys.current())[0].kid == second
    assert await kids(keys) == [second, first]


async def test_a_retired_key_is_known_until_its_last_token_has_expired(keys, database):
    """And then no more."""
    first = (await keys.current())[0].kid
    second = await keys.rotate(ANN, uuid4())
    await pass_by(database, KEY_AHEAD_SECONDS + 900)
    assert await kids(keys) == [second, first]
    await pass_by(database, 61)
    assert await kids(keys) == [second]


async def test_one_rotation_at_a_time(keys, database):
    """While a key is still to begin no further one is made: there are never more than a verifier expects."""
    await keys.rotate(ANN, uuid4())
    with pytest.raises(Denied) as caught:
        await keys.rotate(ANN, uuid4())
    assert (caught.value.answer.kind, caught.value.answer.code) == ("conflict", "rotating")
    await pass_by(database, KEY_AHEAD_SECONDS)
    await keys.rotate(ANN, uuid4())


async def test_a_lost_key_is_dropped_at_once(keys):
    """A new one signs in the same moment, and nothing of the old ones is told any more, also while one was to begin."""
    await keys.rotate(ANN, uuid4())
    third = await keys.rotate(ANN, uuid4(), drop_old=True)
    assert await kids(keys) == [third]
    assert (await keys.current())[0].kid == third


async def test_a_lost_key_of_before_there_was_word_of_keys_is_dropped(pool, clock):
    """The first version made its key without saying so in the log; it verifies, and is dropped as any other."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    await pool.execute(
        "INSERT INTO keys (kid, private_key, public_key) VALUES ($1, $2, $3)",
        thumbprint(public), private.private_bytes_raw(), public,
    )  # fmt: skip
    keys = SigningKeys(pool, CLEAR, clock, token_seconds=900, days=90)
    await keys.prepare()
    assert await kids(keys) == [thumbprint(public)]
    made = await keys.rotate(ANN, uuid4(), drop_old=True)
    assert await kids(keys) == [made]


async def test_an_old_key_is_replaced_by_itself(pool, keys, database):
    """Whatever process looks first."""
    await keys.replace_when_old()
    assert len(await kids(keys)) == 1
    await pass_by(database, 90 * 86_400 + 1)
    await keys.replace_when_old()
    await keys.replace_when_old()
    assert len(await kids(keys)) == 2


async def test_what_became_of_keys_is_in_the_log(pool, keys):
    """Who made and who dropped which, with nothing of their private halves."""
    request_id = UUID(int=7)
    first = (await keys.current())[0].kid
    second = await keys.rotate(ANN, request_id, drop_old=True)
    recorded = await PostgresLog(pool).read(Position(0), 100)
    assert [(event.stream, event.type) for event in recorded] == [
        (f"signing_key-{first}", "signing_key.made"),
        (f"signing_key-{second}", "signing_key.made"),
        (f"signing_key-{first}", "signing_key.dropped"),
    ]
    assert {event.correlation_id for event in recorded[1:]} == {request_id}
    assert set(json.loads(recorded[0].data)) == {"type", "kid", "signs_from"}
