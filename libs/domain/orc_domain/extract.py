"""
Where data comes from: the extractor configs a job may hold.

A config is kept in the log as the user gave it and typed here whenever it is used, so a field's meaning lives in one
place. Secrets are references by name; a literal in a place for secrets is refused before it can reach the bus.
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from msgspec import Meta, Struct

from orc_domain.fields import typed
from orc_domain.paths import check_path
from orc_domain.rejection import Invalid

Config = dict[str, Any]
"""A config as given: JSON."""

NonEmpty = Annotated[str, Meta(min_length=1, max_length=1024)]
SecretName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

INLINE_ROWS_MAX = 10_000
_SECRET_HEADERS = re.compile(
    r"^(proxy-)?authorization$|^(set-)?cookie$|api-?key|(auth|access|session|security|csrf)-?token|secret|password",
    re.IGNORECASE,
)
_SECRET_PARAMS = re.compile(
    r"^(api[_-]?key|apikey|access[_-]?token|auth[_-]?token|client[_-]?secret|password|secret|sig|signature)$",
    re.IGNORECASE,
)
_FRAMING_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"}
)


class SecretRef(Struct, frozen=True, forbid_unknown_fields=True):
    """A secret by name: `github-token` is ORC_SECRET_GITHUB_TOKEN or the file of that name in ORC_SECRETS_DIR."""

    secret: SecretName


class _Tagged(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class CsvExtract(_Tagged, frozen=True, tag="csv"):
    """A CSV file, plain or compressed, or several by a glob."""

    path: NonEmpty
    delimiter: Annotated[str, Meta(min_length=1, max_length=4)] = ","
    null_values: tuple[str, ...] = ("",)
    """Texts that mean null; what stands inside quotes too."""
    columns: dict[NonEmpty, NonEmpty] | None = None
    """Column name to DuckDB type, all columns in order; None lets the engine look at the whole file."""


class ParquetExtract(_Tagged, frozen=True, tag="parquet"):
    """A Parquet file, or several by a glob."""

    path: NonEmpty


class InlineExtract(_Tagged, frozen=True, tag="inline"):
    """Rows written in the job itself: for trying things out."""

    rows: Annotated[list[dict[str, Any]], Meta(max_length=INLINE_ROWS_MAX)]


class BearerAuth(_Tagged, frozen=True, tag="bearer"):
    """`Authorization: Bearer <secret>`."""

    token: SecretRef


class HeaderAuth(_Tagged, frozen=True, tag="header"):
    """A secret in a header of the user's choice."""

    name: Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")]
    value: SecretRef


PagesMax = Annotated[int, Meta(ge=1, le=1_000_000)]


class PageNumber(_Tagged, frozen=True, tag="page_number"):
    """`?page=1`, `?page=2`, …; ends at an empty page, at one shorter than `size`, or at `total_pages`."""

    page_param: NonEmpty = "page"
    start: int = 1
    size_param: NonEmpty | None = None
    size: Annotated[int, Meta(ge=1)] | None = None
    total_pages: NonEmpty | None = None
    """JSONPath of the number of pages in the answer."""
    pages_max: PagesMax = 10_000


class Offset(_Tagged, frozen=True, tag="offset"):
    """`?offset=0&limit=100`, `?offset=100&limit=100`, …; ends at a page shorter than `limit`, or at `total`."""

    limit: Annotated[int, Meta(ge=1)] = 100
    offset_param: NonEmpty = "offset"
    limit_param: NonEmpty = "limit"
    total: NonEmpty | None = None
    """JSONPath of the number of records in the answer."""
    pages_max: PagesMax = 10_000


class Cursor(_Tagged, frozen=True, tag="cursor"):
    """The answer names the next page's cursor; ends where it is absent, null or empty."""

    cursor_path: NonEmpty
    """JSONPath of the next cursor in the answer."""
    cursor_param: NonEmpty = "cursor"
    pages_max: PagesMax = 10_000


class NextLink(_Tagged, frozen=True, tag="next_link"):
    """The answer links to the next page: at a JSONPath, or without one in the `Link` header (RFC 8288, rel=next)."""

    path: NonEmpty | None = None
    pages_max: PagesMax = 10_000


Pagination = PageNumber | Offset | Cursor | NextLink


class ApiExtract(_Tagged, frozen=True, tag="api"):
    """Records of an HTTP API: a JSON array of objects, or the ones a JSONPath selects."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    params: dict[NonEmpty, str | int | float | bool | SecretRef] = {}
    headers: dict[NonEmpty, str | SecretRef] = {}
    auth: BearerAuth | HeaderAuth | None = None
    records: NonEmpty | None = None
    """JSONPath (RFC 9535) of the array of records; None when the answer is the array."""
    pagination: Pagination | None = None
    method: Literal["GET"] = "GET"


Extractor = CsvExtract | ParquetExtract | ApiExtract | InlineExtract
_TYPES = ("api", "csv", "inline", "parquet")


def parse_extractor(config: Config, field: str = "extractor_config") -> Extractor:
    """Type a config and judge all that its text tells; raises Invalid naming the field."""
    check_type(config, _TYPES, field)
    extractor: Extractor = typed(config, Extractor, field)
    match extractor:
        case CsvExtract(path=path) | ParquetExtract(path=path):
            check_path(path, f"{field}.path")
        case ApiExtract():
            _check_api(extractor, field)
        case InlineExtract():
            pass
    return extractor


def check_type(config: Config, types: tuple[str, ...], field: str) -> None:
    """Refuse a config whose `type` is not one of `types`, naming those that exist; raises Invalid."""
    given = config.get("type")
    if given not in types:
        said = "is missing" if given is None else f"{str(given)[:64]!r} is not known"
        raise Invalid(f"{field}.type", f"the type {said}", valid=", ".join(types))


def _check_api(extractor: ApiExtract, field: str) -> None:
    place, valid = f"{field}.url", "http://host/path or https://host/path"
    try:
        url = urlsplit(extractor.url)
        _ = url.port
    except ValueError as error:
        raise Invalid(place, f"the URL cannot be read: {error}", valid=valid) from error
    if url.scheme.lower() not in {"http", "https"}:
        raise Invalid(place, "the URL's scheme is not http or https", valid=valid)
    if not url.hostname:
        raise Invalid(place, "the URL names no host", valid=valid)
    if url.username is not None or url.password is not None:
        raise Invalid(
            place,
            "the URL holds a user or password",
            valid='auth: {"type": "bearer", "token": {"secret": "name"}}',
        )
    if any(ord(character) <= ord(" ") for character in extractor.url):
        raise Invalid(place, "the URL holds a space or control character", valid=valid)
    literal_params = [name for name, _ in parse_qsl(url.query)]
    for name, value in extractor.params.items():
        if not isinstance(value, SecretRef):
            literal_params.append(name)
    for name in literal_params:
        if _SECRET_PARAMS.match(name):
            raise Invalid(
                f"{field}.params.{name}", "a secret is written literally", valid='{"secret": "name"}'
            )
    for name, header in extractor.headers.items():
        _check_header(name, header, f"{field}.headers.{name}")


def _check_header(name: str, value: str | SecretRef, field: str) -> None:
    if name.lower() in _FRAMING_HEADERS:
        raise Invalid(field, "this header is set by the client itself", valid="another header")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", name):
        raise Invalid(field, "this is not a header name", valid="letters, digits and hyphens")
    if isinstance(value, SecretRef):
        return
    if _SECRET_HEADERS.search(name):
        raise Invalid(
            field, "a secret is written literally", valid='auth, or {"secret": "name"} as the value'
        )
    if any(ord(character) < ord(" ") for character in value):
        raise Invalid(field, "the value holds a control character", valid="visible text")
