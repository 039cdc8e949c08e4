"""
The gateway, wired.

    open the port (alive, not ready)  →  wait for Postgres, its migrations, NATS  →  let requests through
    duties: the projector, the tail that live streams read, the rates of callers, the end of the NATS connection
    told to stop: live streams end, requests under way finish, connections close
"""

from contextlib import AsyncExitStack
from importlib.metadata import version

from litestar import Litestar
from litestar.datastructures import State
from prometheus_client import CollectorRegistry

from orc_events.bus import Bus
from orc_events.event import Position
from orc_events.follower import Follower
from orc_events.log import EventLog, PostgresLog
from orc_events.projection import Projector
from orc_gateway import hosts, projections
from orc_gateway.api_keys import ApiKeys
from orc_gateway.auth_client import AuthClient
from orc_gateway.bodies import BODY_BYTES_MAX
from orc_gateway.client_address import Networks, parse_proxies
from orc_gateway.commands import Commands
from orc_gateway.connection import Connection
from orc_gateway.front import Front
from orc_gateway.guards import Guard, check_declared, refuse_unknown_parameters
from orc_gateway.live import Tail
from orc_gateway.openapi import MODE, openapi_config
from orc_gateway.problems import answer_error
from orc_gateway.rates import CONNECTIONS_MAX as RATE_CONNECTIONS_MAX
from orc_gateway.rates import Limited, Rates, limits_of
from orc_gateway.reads import Reads
from orc_gateway.requests import PROXIES
from orc_gateway.routes.backfills import backfill_routes
from orc_gateway.routes.cursors import cursor_routes
from orc_gateway.routes.events import event_routes
from orc_gateway.routes.health import health_routes
from orc_gateway.routes.identity.api_keys import api_key_routes
from orc_gateway.routes.identity.oidc import oidc_routes
from orc_gateway.routes.identity.sessions import session_routes
from orc_gateway.routes.identity.signing_keys import signing_key_routes
from orc_gateway.routes.identity.users import user_routes
from orc_gateway.routes.jobs import job_routes
from orc_gateway.routes.options import options_routes
from orc_gateway.routes.runs import run_routes
from orc_gateway.routes.schedules import schedule_routes
from orc_gateway.routes.schema import schema_routes
from orc_gateway.routes.secrets import secret_routes
from orc_gateway.routes.tasks import task_routes
from orc_gateway.routes.ticks import tick_routes
from orc_gateway.settings import GatewaySettings
from orc_gateway.shown import SUBJECT as PROJECTED
from orc_gateway.shown import Shown
from orc_gateway.sql_rights import SqlRights
from orc_gateway.trusting import Trusting
from orc_runtime.clock import Clock, SystemClock
from orc_runtime.connections import open_bus, open_database
from orc_runtime.database import close_pool
from orc_runtime.health import Health
from orc_runtime.lifecycle import Lifecycle
from orc_runtime.metrics import create_registry
from orc_runtime.plugin_news import tell_plugins
from orc_runtime.serving import serving

POKED = "orc.poke.log"
PROJECTING_CONNECTIONS_MAX = 3
"""One leads, one reads ahead, one for the tail or a look at a command."""


def create_app(
    settings: GatewaySettings,
    *,
    bus: Bus,
    log: EventLog,
    reads: Reads,
    shown: Shown,
    tail: Tail,
    trusting: Trusting,
    health: Health,
    registry: CollectorRegistry,
    clock: Clock,
    rates: Rates | None = None,
) -> Litestar:
    """Return the application over what it needs, all of it running already; without `rates` nobody is limited."""
    egress = settings.egress
    sql_rights = SqlRights(settings.mode)
    commands = Commands(bus, log, shown, clock, registry)
    auth = AuthClient(bus)
    api_keys = ApiKeys(auth)
    trusting.on_changed(api_keys.forget)
    handlers = [
        *job_routes(commands, reads, egress, clock, sql_rights),
        *cursor_routes(commands, reads, log),
        *run_routes(commands, reads, log, tail, bus),
        *backfill_routes(commands, reads, log, shown, clock),
        *event_routes(reads, tail),
        *tick_routes(reads, log, clock),
        *schedule_routes(clock),
        *task_routes(bus, egress, clock, sql_rights),
        *session_routes(auth),
        *user_routes(auth),
        *api_key_routes(auth),
        *signing_key_routes(auth, trusting),
        *secret_routes(auth),
        *(oidc_routes(auth) if settings.oidc_issuer else ()),
        *health_routes(health, registry),
        *schema_routes(),
    ]
    routes = [*options_routes(handlers), *handlers]
    check_declared(routes)
    guard = Guard(settings.mode, trusting, api_keys)
    return Litestar(
        route_handlers=routes,
        guards=[Limited(guard, rates) if rates else guard, refuse_unknown_parameters],
        exception_handlers={Exception: answer_error},
        openapi_config=openapi_config(version("orc-nats-ator")),
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
        state=State({MODE: settings.mode, PROXIES: parse_proxies(settings.trusted_proxies)}),
    )


async def serve(lifecycle: Lifecycle, settings: GatewaySettings) -> None:
    """Live the service's life; returns when told to stop."""
    tell_plugins()
    registry = create_registry(settings.SERVICE)
    own = settings.host if hosts.are_judged(settings) else None
    proxies = parse_proxies(settings.trusted_proxies)
    front = Front(lifecycle.health, registry, mode=settings.mode, own_host=own, proxies=proxies)
    # What requests need is closed after the server has let the last of them end.
    async with (
        AsyncExitStack() as resources,
        serving(front, settings.host, settings.port, http=Connection.behind(proxies)),
    ):
        pool = await open_database(lifecycle, settings, schema="read", size_max=settings.connections_max)
        resources.push_async_callback(close_pool, pool)
        projecting = await open_database(
            lifecycle, settings, schema="read", size_max=PROJECTING_CONNECTIONS_MAX
        )
        resources.push_async_callback(close_pool, projecting)
        rates = await open_rates(lifecycle, settings, resources, registry, proxies)
        bus, nats_closed = await open_bus(lifecycle, settings)
        resources.push_async_callback(bus.close)

        log, reads = PostgresLog(projecting), Reads(pool)
        projector = Projector(
            Follower(projecting, log, projections.CHECKPOINT),
            projections.apply,
            clear=projections.clear,
            on_applied=Shown.tell(bus),
        )
        shown = Shown(projector.follower, lambda: reads.checkpoint(projections.CHECKPOINT), registry)
        tail = Tail(PostgresLog(pool), reads, registry, watchers_max=settings.streams_max)
        await listen(bus, projector, tail, shown)
        trusting = Trusting(bus, AuthClient(bus))
        lifecycle.health.checks["postgres"] = reads.check
        app = create_app(
            settings, bus=bus, log=PostgresLog(pool), reads=reads, shown=shown, tail=tail, trusting=trusting,
            health=lifecycle.health, registry=registry, clock=SystemClock(), rates=rates,
        )  # fmt: skip
        front.open(app)
        lifecycle.health.started()
        async with lifecycle.duties() as start:
            start("projector", projector.run())
            start("tail", tail.run())
            start("trust", trusting.run())
            if rates is not None:
                start("rates", rates.run())
            start("nats", nats_closed.wait())


async def open_rates(
    lifecycle: Lifecycle,
    settings: GatewaySettings,
    resources: AsyncExitStack,
    registry: CollectorRegistry,
    proxies: Networks,
) -> Rates | None:
    """Return the limits the settings ask for, with connections of their own; None when they ask for none."""
    requests, logins = limits_of(settings)
    if requests is None and logins is None:
        return None
    pool = await open_database(lifecycle, settings, schema="read", size_max=RATE_CONNECTIONS_MAX)
    resources.push_async_callback(close_pool, pool)
    return Rates(pool, registry, requests=requests, logins=logins, proxies=proxies)


async def listen(bus: Bus, projector: Projector, tail: Tail, shown: Shown) -> None:
    """Be told when the log has grown, and when another process has projected."""

    def poked(_subject: str, data: bytes) -> None:
        position = Position(int(data)) if data.isdigit() else None
        if position is not None:
            shown.grew(position)
        projector.follower.poke(position)
        tail.poke()

    await bus.listen(POKED, poked)
    await bus.listen(PROJECTED, shown.hear)
