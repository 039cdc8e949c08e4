"""
Buckets: the arithmetic of a rate limit that several processes keep together.

A bucket of `burst` tokens fills at `rate` a second; a request spends one. The bucket is one row in Postgres, and its one
number is when it will be full (GCRA, ITU-T I.371): what is in it at `t` is `burst - rate * (full_at - t)`. Asking for each
request would cost a round trip, so a busy process takes a hand of tokens at once and spends them within `HELD_SECONDS`;
what is left by then is thrown away.

That the processes together let through no more than `rate * t + burst` in any `t` seconds:

1.  Postgres changes a row one statement at a time, so takings are those of a single bucket.
2.  A token taken alone is spent at once. A hand taken at `g` is spent in `[g, g + held]`, so in a window that begins at `s`
    tokens may be spent which were taken up to `held` before it; call them X. A hand is only taken from what the bucket
    would hold if it were full no earlier than `g + held`, that is from at most `burst - rate * held`, and the rest is
    forfeited. From the first such taking to `s` at most `rate * held` flows in again, so at `s` the bucket holds at most
    `burst - X`. With what flows in until `s + t` and with X, that is `rate * t + burst`.
3.  A process counts `held` from before it asked, on its own steady clock: never longer than Postgres counts it.

Thrown away is little: a process takes half of what was asked of it in `HELD_SECONDS` of late, so one that is asked now and
then takes one token and wastes none, and a busy one asks some twenty times a second, however many requests come.
"""

import math

from msgspec import Struct

HELD_SECONDS = 0.1
HANDS_IN_BURST_MIN = 2
"""A burst that is no more than so many hands is given token by token: forfeiting would eat it."""


class Limit(Struct, frozen=True):
    """So many requests."""

    name: str
    rate: float
    """Tokens a second; above zero."""
    burst: int
    """Tokens in a full bucket; at least one."""

    @property
    def hand_max(self) -> int:
        """How many tokens a process takes at once."""
        hand = math.floor(self.rate * HELD_SECONDS)
        return hand if hand > 1 and hand * HANDS_IN_BURST_MIN <= self.burst else 1


class Hand:
    """What one process holds of one bucket; `now` is seconds of a steady clock, and never goes back."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._tokens, self._until = 0, -math.inf
        self._refused_until = -math.inf
        self._window, self._asked, self._asked_before = -math.inf, 0, 0

    def ask(self, now: float) -> None:
        """Note that a request wants a token."""
        if now - self._window >= HELD_SECONDS:
            self._asked_before = self._asked if now - self._window < 2 * HELD_SECONDS else 0
            self._window, self._asked = now, 0
        self._asked += 1

    def spend(self, now: float) -> bool:
        """Spend a token that is held, if there is one."""
        if self._tokens == 0 or now >= self._until:
            self._tokens = 0
            return False
        self._tokens -= 1
        return True

    def refused_for(self, now: float) -> float:
        """Return for how many seconds it is known that the bucket has nothing."""
        return max(0.0, self._refused_until - now)

    def wanted(self) -> int:
        """Return how many tokens to take, the one for this request among them."""
        return max(1, min(self._limit.hand_max, max(self._asked_before, self._asked) // 2))

    def held_for(self, wanted: int) -> float:
        """Return how long tokens may be held that are taken with so many."""
        return HELD_SECONDS if wanted > 1 else 0.0

    def take(self, granted: int, full_in: float, *, wanted: int, asked_at: float) -> bool:
        """Note what the bucket gave, and return whether this request has its token."""
        if granted == 0:
            # Nobody else can make it fill faster. Asking for every token anew would be a flood of our own.
            missing = full_in - (self._limit.burst - 1) / self._limit.rate
            self._refused_until = asked_at + max(missing, HELD_SECONDS / 2)
            return False
        self._tokens, self._until = granted - 1, asked_at + self.held_for(wanted)
        return True
