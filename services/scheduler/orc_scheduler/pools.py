"""
Executor pools: each gets its durable consumer on ORC_WORK as soon as a job names it.

The calendar tells of pools as it folds them; at the start they are read from it. The topology is kept up as a whole by
`orc_events.topology.maintain`; this only makes a new pool's consumer without waiting for its next round.
"""

from typing import Any, Never

import structlog

from orc_events.errors import BusUnavailable
from orc_events.jetstream import Requester
from orc_events.statements import load
from orc_events.topology import Topology, provision
from orc_events.wakeup import Wakeup

POOLS_MAX = 1_000
"""Consumers on one stream; work for further pools is published and waits."""
REST_SECONDS = 60.0

_POOLS = load("orc_scheduler", "pools")

_logger = structlog.get_logger()


class Pools:
    """The pools that the topology must have."""

    def __init__(self, pool: Any, bus: Requester, topology: Topology) -> None:
        self._pool, self._bus, self._topology = pool, bus, topology
        self._names: set[str] = set()
        self._wakeup = Wakeup()

    async def read(self) -> None:
        """Declare every pool that the calendar knows."""
        self.declare({row["pool"] for row in await self._pool.fetch(_POOLS)})

    def declare(self, names: set[str]) -> None:
        """Declare pools; those that are new are provisioned soon."""
        for name in sorted(names - self._names):
            if len(self._names) >= POOLS_MAX:
                _logger.error("too many pools", left_out=name, pools_max=POOLS_MAX)
                return
            self._names.add(name)
            if self._topology.add_pool(name):
                self._wakeup.poke()

    async def run(self) -> Never:
        """Provision new pools as they come."""
        while True:
            if await self._wakeup.pause(REST_SECONDS):
                try:
                    await provision(self._bus, self._topology)
                except BusUnavailable as error:
                    _logger.info("pools are provisioned later", reason=str(error))
