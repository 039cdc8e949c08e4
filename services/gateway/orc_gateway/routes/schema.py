"""The OpenAPI document, a page that lists it without loading anything from elsewhere, and the schemas of job files."""

from html import escape
from typing import Any

import msgspec
from litestar import Litestar, Response, get
from litestar.handlers import HTTPRouteHandler

from orc_gateway.answers import JSON
from orc_gateway.guards import ACCESS
from orc_gateway.openapi import document
from orc_gateway.requests import AnyRequest
from orc_runtime.access import Access
from orc_runtime.job_schema import job_schema, jobs_schema

SCHEMA_JSON = "application/schema+json"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>orc-nats-ator: REST</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }}
code {{ font-family: ui-monospace, monospace; }}
</style></head><body>
<h1>orc-nats-ator</h1>
<p>{description} The whole description is <a href="/schema/openapi.json">openapi.json</a> (OpenAPI {openapi}).
Editors of job files read <a href="/schema/job.json">job.json</a> and <a href="/schema/jobs.json">jobs.json</a> (JSON Schema).</p>
<table><thead><tr><th>Method</th><th>Path</th><th>What it does</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""
CONTENT_SECURITY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def schema_routes() -> list[HTTPRouteHandler]:
    """Return the handlers of /schema."""
    made: dict[str, bytes] = {}

    def json_of(app: Litestar) -> bytes:
        # Derived once, at the first request: it needs the application, which needs these handlers.
        if "json" not in made:
            made["json"] = document(app)
        return made["json"]

    @get("/schema/openapi.json", include_in_schema=False, opt={ACCESS: Access("viewer", "jobs:read")})
    async def openapi_json(request: AnyRequest) -> Response[bytes]:
        return Response(json_of(request.app), media_type=JSON)

    @get("/schema", include_in_schema=False, opt={ACCESS: Access("viewer", "jobs:read")})
    async def page(request: AnyRequest) -> Response[str]:
        headers = {"Content-Security-Policy": CONTENT_SECURITY}
        return Response(
            _page(msgspec.json.decode(json_of(request.app))), media_type="text/html", headers=headers
        )

    @get("/schema/job.json", include_in_schema=False, opt={ACCESS: Access("viewer", "jobs:read")})
    async def job_json() -> Response[bytes]:
        return Response(job_schema(), media_type=SCHEMA_JSON)

    @get("/schema/jobs.json", include_in_schema=False, opt={ACCESS: Access("viewer", "jobs:read")})
    async def jobs_json() -> Response[bytes]:
        return Response(jobs_schema(), media_type=SCHEMA_JSON)

    return [openapi_json, page, job_json, jobs_json]


def _page(described: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('summary', ''))}</td></tr>"
        for path, operations in sorted(described["paths"].items())
        for method, operation in operations.items()
        if isinstance(operation, dict)
    ]
    return PAGE.format(
        description=escape(described["info"]["description"]),
        openapi=escape(described["openapi"]),
        rows="\n".join(rows),
    )
