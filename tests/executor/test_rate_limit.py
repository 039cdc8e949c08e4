"""How often a host is asked."""

import asyncio

from orc_executor.extractors.api.rate_limit import HOSTS_MAX, RateLimit


class Clock:
    """Time that only sleeping passes."""

    def __init__(self):
        self.now, self.sleepers = 0.0, []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        over = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.now + seconds, len(self.sleepers), over))
        await over

    async def run(self):
        """Wake whoever sleeps, the earliest first."""
        await asyncio.sleep(0)
        while self.sleepers:
            self.sleepers.sort()
            self.now, _, over = self.sleepers.pop(0)
            over.set_result(None)
            await asyncio.sleep(0)


async def turns(limit, clock, *hosts):
    """Ask for turns all at once and return who had one at which time."""
    taken = []

    async def ask(name, host):
        await limit.turn(host)
        taken.append((name, clock.now))

    async with asyncio.TaskGroup() as group:
        for name, host in enumerate(hosts):
            group.create_task(ask(name, host))
        await clock.run()
    return taken


async def test_turns_are_spaced_and_nobody_is_overtaken():
    """In the order in which they asked, the first at once."""
    clock = Clock()
    limit = RateLimit(4, clock, clock.sleep)
    assert await turns(limit, clock, *["a"] * 4) == [(0, 0.0), (1, 0.25), (2, 0.5), (3, 0.75)]
    # What was not used is not saved up.
    clock.now = 100.0
    assert await turns(limit, clock, "a", "a") == [(0, 100.0), (1, 100.25)]


async def test_each_host_has_its_own_pace():
    """One that is slow holds up no other."""
    clock = Clock()
    assert await turns(RateLimit(1, clock, clock.sleep), clock, "a", "b", "a") == [
        (0, 0.0),
        (1, 0.0),
        (2, 1.0),
    ]


async def test_without_a_rate_nobody_waits():
    """The default."""
    clock = Clock()
    assert await turns(RateLimit(None, clock, clock.sleep), clock, "a", "a") == [(0, 0.0), (1, 0.0)]


async def test_the_hosts_remembered_have_a_limit():
    """Redirects may lead to any number."""
    clock = Clock()
    limit = RateLimit(1, clock, clock.sleep)
    for number in range(HOSTS_MAX + 10):
        await limit.turn(str(number))
    assert len(limit._free_at) == HOSTS_MAX
