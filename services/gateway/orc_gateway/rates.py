"""
Rates: no caller gets more than its share, however many gateways it asks.

    who asks           a principal; the address of whoever has none, or none that is valid
    routes of /auth    that are open to all: the address, by a limit of its own, so no flood of strangers reaches auth
    over the limit     429, saying when to come again

The tokens are in Postgres (`buckets.py`). When it does not answer, nobody is limited: what reads or commands is 503 then.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, Never

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from prometheus_client import CollectorRegistry, Counter

from orc_events.statements import load
from orc_gateway.buckets import Hand, Limit
from orc_gateway.client_address import Networks, client_address, limited_as
from orc_gateway.guards import access_of
from orc_gateway.hosts import are_judged
from orc_gateway.problems import Refusal
from orc_gateway.settings import GatewaySettings
from orc_runtime.database import UNREACHABLE
from orc_runtime.deadline import within
from orc_runtime.principal import ANONYMOUS

log = structlog.stdlib.get_logger()

RATE_PER_SECOND = 200
"""Where nothing else is set and strangers may come."""
LOGIN_PER_MINUTE = 60
BURST_SECONDS = 2
"""A burst is what flows in so many seconds, unless it is set."""
CONNECTIONS_MAX = 2
"""To Postgres, of its own: who waits for the requests' would be let through just when they are all taken."""
TAKE_SECONDS_MAX = 0.5
AWAY_SECONDS = 1.0
"""How long Postgres is not asked again after it did not answer."""
HANDS_MAX = 10_000
"""Callers whose tokens are held; of more, those who asked longest ago are forgotten with their tokens."""
FORGET_SECONDS = 30.0

_TAKE = load("orc_gateway", "take_tokens", "queries")
_FORGET = load("orc_gateway", "forget_rates", "queries")

GuardLike = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


class _Held:
    """A hand, and whose turn it is to fill it."""

    def __init__(self, limit: Limit) -> None:
        self.hand, self.turn = Hand(limit), asyncio.Lock()


class Rates:
    """The limits of all callers; `run` is a duty."""

    def __init__(
        self,
        pool: Any,
        registry: CollectorRegistry,
        *,
        requests: Limit | None,
        logins: Limit | None,
        proxies: Networks,
    ) -> None:
        """Limit by either; None is no limit."""
        self._pool, self._requests, self._logins, self._proxies = pool, requests, logins, proxies
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._away_until = -math.inf
        self._refused = Counter(
            "orc_rate_refusals", "Requests over a limit, by limit.", ["limit"], registry=registry
        )

    async def admit(self, scope: Mapping[str, Any]) -> None:
        """Let a request of whom the scope names through; raises Refusal 429."""
        principal = scope.get("user", ANONYMOUS)
        who = self._address(scope) if principal is ANONYMOUS else principal.subject
        await self._take(self._requests, who)

    async def admit_stranger(self, scope: Mapping[str, Any]) -> None:
        """Let through what makes auth work for somebody not known yet; raises Refusal 429."""
        await self._take(self._logins, self._address(scope))

    async def run(self) -> Never:
        """Remove the rows that say nothing, for ever."""
        while True:
            await asyncio.sleep(FORGET_SECONDS)
            try:
                await self.forget()
            except UNREACHABLE as error:
                log.warning("rates are not forgotten", reason=repr(error))

    async def forget(self) -> None:
        """Remove the rows that say nothing."""
        await self._pool.execute(_FORGET)

    def _address(self, scope: Mapping[str, Any]) -> str:
        return limited_as(client_address(scope, self._proxies))

    async def _take(self, limit: Limit | None, who: str) -> None:
        if limit is None:
            return
        held = self._hand(limit, f"{limit.name} {who}")
        hand = held.hand
        hand.ask(monotonic())
        if not hand.spend(monotonic()):
            # One asks for all who wait: each of them looks first at what it was given.
            async with held.turn:
                if not hand.spend(monotonic()) and not await self._fill(limit, who, hand):
                    self._refused.labels(limit.name).inc()
                    raise too_many(limit, hand.refused_for(monotonic()))

    def _hand(self, limit: Limit, name: str) -> _Held:
        held = self._held.get(name)
        if held is None:
            held = self._held[name] = _Held(limit)
            if len(self._held) > HANDS_MAX:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(name)
        return held

    async def _fill(self, limit: Limit, who: str, hand: Hand) -> bool:
        """Take tokens, and return whether this request has one."""
        now = monotonic()
        if now < self._away_until:
            return True
        if hand.refused_for(now):
            return False
        wanted = hand.wanted()
        taking = self._pool.fetchrow(
            _TAKE, f"{limit.name} {who}", wanted, limit.rate, limit.burst, hand.held_for(wanted), None
        )
        try:
            row = await within(TAKE_SECONDS_MAX, taking)
        except UNREACHABLE as error:
            self._away_until = monotonic() + AWAY_SECONDS
            log.warning("rates are not limited", seconds=AWAY_SECONDS, reason=repr(error))
            return True
        return hand.take(row["granted"], row["full_in"], wanted=wanted, asked_at=now)


class Limited:
    """A guard around the one that says who asks: limits whom it names, and whom it turns away."""

    def __init__(self, guard: GuardLike, rates: Rates) -> None:
        self._guard, self._rates = guard, rates

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Raise Refusal 429, or what the guard raises."""
        scope: Any = connection.scope
        if access_of(handler).role is None:
            await self._guard(connection, handler)
            if scope["path"].startswith("/auth/"):
                await self._rates.admit_stranger(scope)
            return
        try:
            await self._guard(connection, handler)
        except Refusal:
            await self._rates.admit(scope)
            raise
        await self._rates.admit(scope)


def limits_of(settings: GatewaySettings) -> tuple[Limit | None, Limit | None]:
    """Return the limits of requests and of logins; without a word of the settings, none where only this machine asks."""
    trusting = are_judged(settings)
    rate = _chosen(settings.rate_per_second, 0 if trusting else RATE_PER_SECOND)
    burst = _chosen(settings.rate_burst, max(1, rate * BURST_SECONDS))
    logins = _chosen(settings.rate_login_per_minute, 0 if trusting else LOGIN_PER_MINUTE)
    return (
        Limit("requests", rate, burst) if rate else None,
        Limit("logins", logins / 60, logins) if logins else None,
    )


def too_many(limit: Limit, seconds: float) -> Refusal:
    """Return a 429 (draft-ietf-httpapi-ratelimit-headers-10 for the form of what it says)."""
    again = max(1, math.ceil(seconds))
    window = max(1, math.ceil(limit.burst / limit.rate))
    headers = {
        "Retry-After": str(again),
        "RateLimit-Policy": f'"{limit.name}";q={limit.burst};w={window}',
        "RateLimit": f'"{limit.name}";r=0;t={again}',
    }
    return Refusal(429, "too-many-requests", "there were too many requests of late", headers=headers)


def _chosen(setting: int | None, otherwise: int) -> int:
    return otherwise if setting is None else setting
