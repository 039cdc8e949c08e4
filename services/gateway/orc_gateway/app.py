"""
The gateway, wired.

    open the port (alive, not ready)  →  wait for Postgres, its migrations, NATS  →  let requests through
    duties: the projector, the tail that live streams read, the end of the NATS connection
    told to stop: live streams end, requests under way finish, connections close
"""

from contextlib import AsyncExitStack
from importlib.metadata import version

from litestar import Litestar
from prometheus_client import CollectorRegistry

from orc_domain.egress import EgressPolicy, parse_egress
from orc_events.bus import Bus
from orc_events.event import Position
from orc_events.follower import Follower
from orc_events.log import EventLog, PostgresLog
from orc_events.projection import Projector
from orc_gateway import hosts, projections
from orc_gateway.api_keys import ApiKeys
from orc_gateway.auth_client import AuthClient
from orc_gateway.bodies import BODY_BYTES_MAX
from orc_gateway.commands import Commands
from orc_gateway.connection import Connection
from orc_gateway.front import Front
from orc_gateway.guards import Guard, check_declared, refuse_unknown_parameters
from orc_gateway.live import Tail
from orc_gateway.openapi import openapi_config
from orc_gateway.problems import answer_error
from orc_gateway.reads import Reads
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
) -> Litestar:
    """Return the application over what it needs, all of it running already."""
    egress: EgressPolicy = parse_egress(settings.egress_allow)
    commands = Commands(bus, log, shown, clock, registry)
    auth = AuthClient(bus)
    api_keys = ApiKeys(auth)
    trusting.on_changed(api_keys.forget)
    handlers = [
        *job_routes(commands, reads, egress, clock),
        *cursor_routes(commands, reads, log),
        *run_routes(commands, reads, log, tail, bus),
        *backfill_routes(commands, reads, log, shown, clock),
        *event_routes(reads, tail),
        *tick_routes(reads, log, clock),
        *schedule_routes(clock),
        *task_routes(bus, egress, clock),
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
    return Litestar(
        route_handlers=routes,
        guards=[Guard(settings.mode, trusting, api_keys), refuse_unknown_parameters],
        exception_handlers={Exception: answer_error},
        openapi_config=openapi_config(version("orc-nats-ator")),
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
    )


async def serve(lifecycle: Lifecycle, settings: GatewaySettings) -> None:
    """Live the service's life; returns when told to stop."""
    tell_plugins()
    registry = create_registry(settings.SERVICE)
    own = settings.host if hosts.are_judged(settings) else None
    front = Front(lifecycle.health, registry, own_host=own)
    # What requests need is closed after the server has let the last of them end.
    async with (
        AsyncExitStack() as resources,
        serving(front, settings.host, settings.port, http=Connection),
    ):
        pool = await open_database(lifecycle, settings, schema="read", size_max=settings.connections_max)
        resources.push_async_callback(close_pool, pool)
        projecting = await open_database(
            lifecycle, settings, schema="read", size_max=PROJECTING_CONNECTIONS_MAX
        )
        resources.push_async_callback(close_pool, projecting)
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
            health=lifecycle.health, registry=registry, clock=SystemClock(),
        )  # fmt: skip
        front.open(app)
        lifecycle.health.started()
        async with lifecycle.duties() as start:
            start("projector", projector.run())
            start("tail", tail.run())
            start("trust", trusting.run())
            start("nats", nats_closed.wait())


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
