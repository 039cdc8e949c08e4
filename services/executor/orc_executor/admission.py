"""
Admission: how many runs this executor takes at once.

A claim is a round trip to the database, during which a free worker would stand idle. So behind each run that is
expected to be short one more is claimed ahead. Behind a long run none is: it would wait here, claimed, while other
executors are free; such a message is given back at once, and not asked for again before there is room.

    capacity (2 × slots)  ==  active  +  parked  +  open (requested from the bus, or soon to be)
    limit                 ==  slots  +  active runs expected to be short, at most slots
    active <= limit, and parked grows, whenever it may, to capacity - limit

A run is expected to be short when its job's last run on this executor was, until it has taken longer than that.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

SHORT_SECONDS_MAX = 0.1
JOBS_REMEMBERED_MAX = 10_000


class Ticket:
    """The right of one run to be here."""

    __slots__ = ("_take_back", "job_id", "short_until")

    def __init__(
        self, job_id: UUID, short_until: float, take_back: "Callable[[Ticket, float | None], None]"
    ) -> None:
        self.job_id = job_id
        self.short_until = short_until
        """The run counts as short up to this moment, monotonic; 0 when it never did."""
        self._take_back = take_back

    def leave(self, seconds: float | None = None) -> None:
        """Make room; `seconds` is how long the run kept a worker, None when it got none. Once counts."""
        self._take_back(self, seconds)


class Admission:
    """Decides which deliveries may become claims; `release` is the subscription's."""

    def __init__(
        self, slots: int, release: Callable[[], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots, self._release, self._now = slots, release, now
        self._active: set[Ticket] = set()
        self._parked = 0
        self._last_seconds: OrderedDict[UUID, float] = OrderedDict()

    @staticmethod
    def capacity(slots: int) -> int:
        """Return how many deliveries a subscription for so many slots must allow."""
        return 2 * slots

    @property
    def active(self) -> int:
        """Runs that hold a ticket."""
        return len(self._active)

    @property
    def limit(self) -> int:
        """Runs that may hold a ticket now."""
        now = self._now()
        short = sum(now < ticket.short_until for ticket in self._active)
        return self._slots + min(short, self._slots)

    def admit(self, job_id: UUID) -> Ticket | None:
        """Return a ticket for a delivery that just came, or None: then give it back, its slot is parked."""
        if len(self._active) >= self.limit:
            self._parked += 1
            return None
        ticket = Ticket(job_id, self._short_until(job_id), self._leave)
        self._active.add(ticket)
        self._unpark()
        return ticket

    def turn(self, ticket: Ticket, job_id: UUID) -> None:
        """Let the ticket be of another job's run, from now on."""
        if job_id != ticket.job_id:
            ticket.job_id, ticket.short_until = job_id, self._short_until(job_id)
            self._unpark()

    def _short_until(self, job_id: UUID) -> float:
        is_short = self._last_seconds.get(job_id, SHORT_SECONDS_MAX) < SHORT_SECONDS_MAX
        return self._now() + SHORT_SECONDS_MAX if is_short else 0.0

    def _leave(self, ticket: Ticket, seconds: float | None) -> None:
        if ticket not in self._active:
            return
        self._active.remove(ticket)
        if seconds is not None:
            self._last_seconds[ticket.job_id] = seconds
            self._last_seconds.move_to_end(ticket.job_id)
            if len(self._last_seconds) > JOBS_REMEMBERED_MAX:
                self._last_seconds.popitem(last=False)
        self._parked += 1
        self._unpark()

    def _unpark(self) -> None:
        room = self.capacity(self._slots) - self.limit
        while self._parked > room:
            self._parked -= 1
            self._release()
