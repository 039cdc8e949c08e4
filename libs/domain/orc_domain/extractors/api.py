"""
Records of an HTTP API.

The words are those that declarative REST sources made common: url, params, headers, auth, records, pagination, and for
what is more: parent, incremental, response_actions.
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec
from msgspec import Meta

from orc_domain.config import REFERENCE, NonEmpty, SecretRef, Tagged
from orc_domain.extractors.api_answers import Actions, ApiRetries, ApiTimeouts
from orc_domain.extractors.api_auth import Auth, HeaderAuth
from orc_domain.extractors.api_pages import Pagination
from orc_domain.extractors.api_parent import ApiParent
from orc_domain.extractors.files import Names, Renames, Types, check_columns
from orc_domain.extractors.incremental import ApiIncremental
from orc_domain.fields import is_visible
from orc_domain.rejection import Invalid
from orc_domain.secret_places import is_secret_name, is_secret_value

CONCURRENCY_MAX = 64
FRAMING_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
    }
    | {"trailer", "transfer-encoding", "upgrade"}
)


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
    """JSON to send with POST."""
    body_type: Literal["json", "form"] = "json"
    """How the body is written."""
    answer_type: Literal["auto", "json", "jsonl", "csv"] = "auto"
    """What the answers are; `auto` goes by their Content-Type."""
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
    place = f"{field}.url"
    url = _split(extractor.url, place)
    # Some servers split a query at `;` too, and a fragment may hold what an OAuth server put there.
    given = parse_qsl(
        url.query.replace(";", "&") + "&" + url.fragment.replace(";", "&"), keep_blank_values=True
    )
    for name, value in given:
        if (value and is_secret_name(name)) or is_secret_value(name, value) or is_secret_value("", name):
            raise Invalid(place, "a secret is written in the URL", valid=f"params with {REFERENCE}")
    if is_secret_value("", url.path):
        raise Invalid(place, "a secret is written in the URL", valid=f"auth, or params with {REFERENCE}")
    for name, param in extractor.params.items():
        if isinstance(param, SecretRef | bool):
            continue
        if is_secret_name(name) or (isinstance(param, str) and is_secret_value(name, param)):
            raise Invalid(_within(field, "params", name), "a secret is written literally", valid=REFERENCE)
    names = set[str]()
    for name, header in extractor.headers.items():
        header_place = _within(field, "headers", name)
        _check_header(name, header, header_place)
        if name.lower() in names:
            raise Invalid(header_place, "the header is given twice", valid="each header once, in any case")
        names.add(name.lower())
    if isinstance(extractor.auth, HeaderAuth) and extractor.auth.name.lower() in FRAMING_HEADERS:
        raise Invalid(f"{field}.auth.name", "this header is set by the client itself", valid="another header")


def _split(text: str, place: str) -> SplitResult:
    valid = "http://host/path or https://host/path"
    if "\\" in text or not is_visible(text) or any(character.isspace() for character in text):
        raise Invalid(place, "the URL holds a space, a backslash or a control character", valid=valid)
    try:
        url = urlsplit(text)
        has_port = url.port != 0
    except ValueError:
        # What cannot be read may hold a password where a port is looked for, so the reason is not told.
        raise Invalid(place, "the URL cannot be read", valid=valid) from None
    if url.scheme.lower() not in {"http", "https"}:
        raise Invalid(place, "the URL's scheme is not http or https", valid=valid)
    if "@" in url.netloc:
        raise Invalid(
            place,
            "the URL holds a user or password",
            valid=f'auth: {{"type": "bearer", "token": {REFERENCE}}}',
        )
    if not (url.hostname or "").strip(".") or not has_port:
        raise Invalid(place, "the URL names no host, or port 0", valid=valid)
    return url


def _check_header(name: str, value: str | SecretRef, field: str) -> None:
    if name.lower() in FRAMING_HEADERS:
        raise Invalid(field, "this header is set by the client itself", valid="another header")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", name):
        raise Invalid(field, "this is not a header name", valid="letters, digits and hyphens")
    if isinstance(value, SecretRef):
        return
    if is_secret_name(name) or is_secret_value(name, value):
        raise Invalid(field, "a secret is written literally", valid=f"auth, or {REFERENCE} as the value")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise Invalid(field, "the value is not visible ASCII text", valid="visible ASCII, no space at an end")


def _within(field: str, group: str, name: str) -> str:
    return f"{field}.{group}.{name[:64]}"
