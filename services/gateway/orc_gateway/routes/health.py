"""Health and metrics, the same as every service has, on the gateway's own port."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from prometheus_client import CollectorRegistry

from orc_gateway.answers import json_answer
from orc_gateway.front import ALIVE
from orc_gateway.guards import ACCESS
from orc_runtime.access import OPEN, Access
from orc_runtime.health import Health, Readiness
from orc_runtime.metrics import CONTENT_TYPE, render


class Alive(Struct, frozen=True):
    """The process answers."""

    status: str


def health_routes(health: Health, registry: CollectorRegistry) -> list[HTTPRouteHandler]:
    """Return the handlers of /health, /livez, /readyz and /metrics."""

    @get("/health", operation_id="health", tags=["health"], summary="Alive", opt={ACCESS: OPEN})
    async def alive() -> Response[Alive]:
        return json_answer(ALIVE)

    @get("/livez", operation_id="alive", tags=["health"], summary="Alive", opt={ACCESS: OPEN})
    async def livez() -> Response[Alive]:
        return json_answer(ALIVE)

    @get(
        "/readyz", operation_id="ready", tags=["health"], summary="Ready, check by check", opt={ACCESS: OPEN}
    )
    async def ready() -> Response[Readiness]:
        readiness = await health.readiness()
        return json_answer(readiness, status=200 if readiness.ready else 503)

    @get(
        "/metrics",
        operation_id="metrics",
        tags=["health"],
        summary="Prometheus' text format",
        opt={ACCESS: Access("viewer", "metrics:read")},
    )
    async def metrics() -> Response[bytes]:
        return Response(render(registry), media_type=CONTENT_TYPE)

    return [alive, livez, ready, metrics]
