"""
Records of an HTTP API.

The words are those that declarative REST sources made common: url, params, headers, auth, records, pagination, and for
what is more: parent, incremental, response_actions.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orc_domain.config import NonEmpty, SecretRef, Tagged
from orc_domain.extractors.api_answers import Actions, ApiRetries, ApiTimeouts, check_actions
from orc_domain.extractors.api_auth import Auth, check_auth
from orc_domain.extractors.api_literals import check_body, check_headers, check_params
from orc_domain.extractors.api_pages import Pagination, Single
from orc_domain.extractors.api_parent import ApiParent, check_parent
from orc_domain.extractors.api_url import check_url
from orc_domain.extractors.files import Names, Renames, Types, check_columns
from orc_domain.extractors.incremental import ApiIncremental, check_api_incremental
from orc_domain.rejection import Invalid

CONCURRENCY_MAX = 64


class ApiExtract(Tagged, frozen=True, tag="api"):
    """Records of an HTTP API: a JSON array of objects, or the ones a JSONPath selects."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    """http or https; what is secret goes into `auth`, `headers` or `params`."""
    params: dict[NonEmpty, str | int | float | bool | SecretRef] = msgspec.field(default_factory=dict)
    """Query parameters; a secret as {"secret": name}."""
    headers: dict[NonEmpty, str | SecretRef] = msgspec.field(default_factory=dict)
    """Sent with each request; a secret as {"secret": name}."""
    auth: Auth | None = None
    """Who asks; None asks as anybody."""
    records: NonEmpty | None = None
    """JSONPath (RFC 9535) of the array of records; None when the answer is the array."""
    pagination: Pagination | None = None
    """None is one answer."""
    method: Literal["GET", "POST"] = "GET"
    """Of every request."""
    body: Any = None
    """JSON to send with POST; a secret inside is {"secret": name}, and a form is flat."""
    body_type: Literal["json", "form"] = "json"
    """How the body is written."""
    answer_type: Literal["auto", "json", "jsonl", "csv"] = "auto"
    """What the answers are; `auto` goes by their Content-Type, and is JSON where that says nothing of it."""
    concurrency: Annotated[int, Meta(ge=1, le=CONCURRENCY_MAX)] = 8
    """Answers asked for at once, where the pages can be numbered or parents have children; the order of rows is kept."""
    rate_limit_per_second: Annotated[float, Meta(gt=0, le=100_000)] | None = None
    """Requests to the host, over all of the task's connections."""
    timeouts: ApiTimeouts = ApiTimeouts()
    retries: ApiRetries = ApiRetries()
    response_actions: Actions = ()
    """What to do about answers by status or content; the first that fits counts."""
    parent: ApiParent | None = None
    incremental: ApiIncremental | None = None
    conditional: bool = False
    """Whether to ask with the last run's ETag or Last-Modified; 304 leaves the table as it is."""
    columns: Types | None = None
    """Types of columns by name; the others are told by every record."""
    select: Names | None = None
    rename: Renames | None = None


def check_api(extractor: ApiExtract, field: str) -> None:
    """Judge all that the config's text tells; raises Invalid."""
    check_columns(extractor.select, extractor.rename, extractor.columns, field)
    if extractor.body is not None and extractor.method != "POST":
        raise Invalid(f"{field}.body", "a body goes with the method POST alone", valid="method: POST")
    check_url(extractor.url, f"{field}.url")
    check_params(extractor.params, f"{field}.params")
    check_headers(extractor.headers, f"{field}.headers")
    if extractor.body is not None:
        check_body(extractor.body, extractor.body_type, f"{field}.body")
    if extractor.auth is not None:
        check_auth(extractor.auth, extractor.headers, extractor.params, field)
    if extractor.parent is not None:
        check_url(extractor.parent.url, f"{field}.parent.url")
        check_params(extractor.parent.params, f"{field}.parent.params")
    check_parent(extractor.parent, extractor.url, extractor.params, extractor.body, field)
    if extractor.incremental is not None:
        check_api_incremental(extractor.incremental, extractor.params, f"{field}.incremental")
    check_actions(extractor.response_actions, f"{field}.response_actions")
    _check_answers(extractor, field)
    if extractor.conditional:
        _check_conditional(extractor, field)


def _check_answers(extractor: ApiExtract, field: str) -> None:
    """Refuse a path into answers that are no JSON documents."""
    if extractor.answer_type not in {"csv", "jsonl"}:
        return
    pages = extractor.pagination
    paths = {
        "records": extractor.records,
        "pagination.cursor_path": getattr(pages, "cursor_path", None),
        "pagination.path": getattr(pages, "path", None),
        "pagination.total_pages": getattr(pages, "total_pages", None),
        "pagination.total": getattr(pages, "total", None),
    }
    for place, path in paths.items():
        if path is not None:
            raise Invalid(
                f"{field}.{place}",
                f"a path leads into JSON, and answer_type is {extractor.answer_type}",
                valid="answer_type: json, or no path",
            )


def _check_conditional(extractor: ApiExtract, field: str) -> None:
    """Refuse what one pair of ETag and Last-Modified cannot speak for."""
    place = f"{field}.conditional"
    if extractor.method != "GET":
        raise Invalid(place, "only a GET can be asked for on a condition", valid="method: GET")
    if not isinstance(extractor.pagination, Single | None) or extractor.parent is not None:
        raise Invalid(
            place,
            "one answer can be unchanged while others are not",
            valid="one answer: no pagination, no parent",
        )
    if extractor.incremental is not None and extractor.incremental.param is not None:
        raise Invalid(place, "each run asks for something else, by incremental.param", valid="one of the two")
