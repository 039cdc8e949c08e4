"""
Front: what uvicorn calls from the first moment on.

    each request                       is given its id, its head is judged; each answer is given what every answer has
    before the application is there    /livez and /health 200, /readyz 503 naming what is waited for, all else 503
    from then on                       the application; each answer counted and timed by its route's template

The port is open at once, so a supervisor sees a process that lives while it waits for Postgres and NATS.
"""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from structlog.contextvars import bound_contextvars

from orc_gateway.client_address import Networks, is_https
from orc_gateway.heads import check_head, check_site
from orc_gateway.hosts import check_host
from orc_gateway.problems import CONTENT_TYPE as PROBLEM
from orc_gateway.problems import Refusal, Unavailable, problem_of, refusal_of
from orc_gateway.request_ids import HEADER, KEY, give_request_id
from orc_gateway.security_headers import secured
from orc_gateway.settings import Mode
from orc_runtime.health import Health
from orc_runtime.logging import scrub
from orc_runtime.metrics import CONTENT_TYPE as METRICS
from orc_runtime.metrics import render

log = structlog.stdlib.get_logger()

JSON = "application/json"
ALIVE = b'{"status":"ok"}'
METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

App = Callable[..., Awaitable[None]]


class Front:
    """An ASGI application around the one that is still to come."""

    def __init__(
        self,
        health: Health,
        registry: CollectorRegistry,
        *,
        mode: Mode = "optional",
        own_host: str | None = None,
        proxies: Networks = (),
    ) -> None:
        """
        Take the open port; `open` lets the application behind it.

        With `own_host`, nothing is answered that was meant for a name of another machine. In `required` mode /metrics
        waits for the application, which knows whom it may tell. `proxies` are believed how their client came.
        """
        self._health, self._registry, self._own_host = health, registry, own_host
        self._mode, self._proxies = mode, proxies
        self._app: App | None = None
        self._seconds = Histogram(
            "orc_http_seconds",
            "Time to answer, by method and route.",
            ["method", "route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._answers = Counter(
            "orc_http_answers",
            "Answers, by method, route and status.",
            ["method", "route", "status"],
            registry=registry,
        )

    def open(self, app: App) -> None:
        """Let requests through to the application."""
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request_id = str(give_request_id(scope))
        by_tls, began, has_begun = is_https(scope, self._proxies), time.perf_counter(), False

        async def told(message: dict[str, Any]) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                # At the first byte: a live stream is answered when it begins, not when it ends.
                self._count(scope, message["status"], time.perf_counter() - began)
                headers = secured(message.get("headers", ()), by_tls=by_tls)
                headers.append((HEADER.lower().encode(), request_id.encode()))
                message = {**message, "headers": headers}
            await send(message)

        with bound_contextvars(**{KEY: request_id}):
            try:
                self._judge(scope)
                await self._answer(scope, receive, told)
            except Exception as error:
                if has_begun:
                    # What is sent cannot be taken back: the connection ends, and half is not taken for the whole.
                    raise
                refusal = refusal_of(error)
                if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                    log.exception("failed to answer", path=scope["path"], reason=scrub(repr(error)))
                await _send_problem(refusal, scope["path"], told)

    def _judge(self, scope: dict[str, Any]) -> None:
        """Raise Refusal for what its head alone forbids."""
        check_head(scope)
        if self._own_host is not None:
            check_host(scope, self._own_host)
        if self._mode == "optional":
            check_site(scope)

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if self._app is None:
            await self._answer_early(scope["path"], send)
        else:
            await self._app(scope, receive, send)

    def _count(self, scope: dict[str, Any], status: int, seconds: float) -> None:
        # The router leaves the template in the scope; without one nothing matched.
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = scope.get("path_template") or "unmatched"
        self._answers.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    async def _answer_early(self, path: str, send: Any) -> None:
        match path:
            case "/livez" | "/health":
                status, kind, body = 200, JSON, ALIVE
            case "/readyz":
                status, kind, body = 503, JSON, msgspec.json.encode(await self._health.readiness())
            case "/metrics" if self._mode == "optional":
                status, kind, body = 200, METRICS, render(self._registry)
            case _:
                raise Unavailable("the gateway is starting", code="starting")
        await _send(status, {"content-type": kind}, body, send)


async def _send_problem(refusal: Refusal, path: str, send: Any) -> None:
    headers = {**refusal.headers, "content-type": PROBLEM}
    await _send(refusal.status, headers, problem_of(refusal, path), send)


async def _send(status: int, headers: dict[str, str], body: bytes, send: Any) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": int(status), "headers": raw})
    await send({"type": "http.response.body", "body": body})
