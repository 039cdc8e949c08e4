"""Callers share round trips without ever waiting for company."""

import asyncio

import pytest
from support.lights import grant_rights, open_log, switched

from orc_events import coalesce
from orc_events.coalesce import Coalescer
from orc_events.errors import LogUnavailable
from orc_events.statements import load


class Ledger:
    """Performs wishes when told to: each answer is its wish, doubled."""

    def __init__(self, *, lanes: int = 1, batch_max: int = 10) -> None:
        self.batches: list[list[int]] = []
        self.gates: list[asyncio.Event] = []
        self.coalescer: Coalescer[int, int] = Coalescer(self.perform, lanes=lanes, batch_max=batch_max)

    async def perform(self, wishes: list[int]) -> list[int | Exception]:
        gate = asyncio.Event()
        self.batches.append(wishes)
        self.gates.append(gate)
        await gate.wait()
        if 666 in wishes:
            raise OSError
        return [ValueError(wish) if wish < 0 else wish * 2 for wish in wishes]

    def ask(self, *wishes: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.coalescer.ask(wish)) for wish in wishes]


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_alone():
    """A wish that comes alone goes at once."""
    ledger = Ledger()
    (answer,) = ledger.ask(1)
    await settle()
    assert ledger.batches == [[1]]
    ledger.gates[0].set()
    assert await answer == 2


async def test_together():
    """What comes while a batch is under way goes together in the next, in the order it came."""
    ledger = Ledger()
    first = ledger.ask(1)
    await settle()
    later = ledger.ask(2, 3, 4)
    await settle()
    assert ledger.batches == [[1]]
    ledger.gates[0].set()
    await settle()
    assert ledger.batches == [[1], [2, 3, 4]]
    ledger.gates[1].set()
    assert await asyncio.gather(*first, *later) == [2, 4, 6, 8]


async def test_lanes():
    """No more batches are under way than there are lanes."""
    ledger = Ledger(lanes=2)
    answers = []
    for wish in (1, 2, 3, 4):
        answers += ledger.ask(wish)
        await settle()
    assert ledger.batches == [[1], [2]]
    ledger.gates[1].set()
    await settle()
    assert ledger.batches == [[1], [2], [3, 4]]
    ledger.gates[0].set()
    ledger.gates[2].set()
    assert await asyncio.gather(*answers) == [2, 4, 6, 8]


async def test_batches_are_bounded():
    """A batch takes only so much; a wish heavier than a batch goes alone."""
    ledger = Ledger(batch_max=5)
    ledger.coalescer._weigh = lambda wish: wish
    answers = ledger.ask(2, 3, 1, 9, 4)
    await settle()
    for number in range(4):
        ledger.gates[number].set()
        await settle()
    assert ledger.batches == [[2, 3], [1], [9], [4]]
    assert await asyncio.gather(*answers) == [4, 6, 2, 18, 8]


async def test_each_its_own_error():
    """An error in one answer is told to its caller alone."""
    ledger = Ledger()
    answers = ledger.ask(1, -1, 2)
    await settle()
    ledger.gates[0].set()
    assert [str(answer) for answer in await asyncio.gather(*answers, return_exceptions=True)] == [
        "2",
        "-1",
        "4",
    ]


async def test_failed_batch():
    """When the whole batch fails every caller is told, and the next batch goes as if nothing had been."""
    ledger = Ledger()
    answers = ledger.ask(1, 666)
    await settle()
    ledger.gates[0].set()
    assert [type(answer) for answer in await asyncio.gather(*answers, return_exceptions=True)] == [
        OSError,
        OSError,
    ]
    (answer,) = ledger.ask(3)
    await settle()
    ledger.gates[1].set()
    assert await answer == 6


async def test_cancelled_caller():
    """A caller that goes away takes nobody along: unsent, its wish is dropped; sent, it is done anyway."""
    ledger = Ledger()
    sent, other = ledger.ask(1, 2)
    await settle()
    unsent, last = ledger.ask(3, 4)
    await settle()
    sent.cancel()
    unsent.cancel()
    await settle()
    ledger.gates[0].set()
    await settle()
    ledger.gates[1].set()
    assert await asyncio.gather(other, last) == [4, 8]
    assert ledger.batches == [[1, 2], [4]]


async def test_too_many_waiting(monkeypatch):
    """The queue is bounded: whoever comes too late is told at once."""
    monkeypatch.setattr(coalesce, "PENDING_MAX", 2)
    ledger = Ledger()
    answers = ledger.ask(1, 2, 3)
    await settle()
    await settle()
    assert answers[2].done()
    with pytest.raises(LogUnavailable):
        await answers[2]
    ledger.gates[0].set()
    assert await asyncio.gather(*answers[:2]) == [2, 4]


async def test_asking_again_at_once():
    """A caller that asks again in the very step its answer arrives is served: no lane is lost on the way."""
    coalescer: Coalescer[int, int] = Coalescer(_echo, lanes=1, batch_max=10)
    async with asyncio.timeout(30):
        assert [await coalescer.ask(wish) for wish in range(100)] == list(range(100))


async def _echo(wishes: list[int]) -> list[int]:
    return wishes


class _Only:
    """A pool of this one connection."""

    def __init__(self, connection) -> None:
        self._connection = connection

    def acquire(self, timeout: float) -> "_Only":
        return self

    async def __aenter__(self):
        return self._connection

    async def __aexit__(self, *error: object) -> None:
        pass


async def test_one_round_trip(database):
    """A hundred appends at once are one statement, a transaction of its own; a hundred reads are one more."""
    await grant_rights(database)
    items = [switched() for _ in range(100)]
    sent: list[str] = []
    async with open_log(database) as log, log._pool.acquire() as connection:
        log._pool = _Only(connection)
        # A connection's first statement asks for its types as well, once.
        await log.append(switched())
        await log.read_stream(items[0].stream)
        with connection.query_logger(lambda record: sent.append(record.query)):
            await asyncio.gather(*(log.append(item) for item in items))
            await asyncio.gather(*(log.read_stream(item.stream) for item in items))
    assert sent == [load("orc_events", "append"), load("orc_events", "read_streams")]
