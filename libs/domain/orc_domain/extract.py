"""
Where data comes from: the extractor configs a job may hold.

A config is kept in the log as the user gave it and typed here whenever it is used, so a field's meaning lives in one
place. Secrets are references by name; a literal in a place for secrets is refused before it can reach the bus.
"""

import re
from typing import Annotated, Any, Literal, get_args
from urllib.parse import SplitResult, parse_qsl, urlsplit

from msgspec import Meta, Struct

from orc_domain.fields import is_visible, typed
from orc_domain.paths import check_path
from orc_domain.rejection import Invalid
from orc_domain.secret_places import is_secret_name, is_secret_value

Config = dict[str, Any]
"""A config as given: JSON."""

NonEmpty = Annotated[str, Meta(min_length=1, max_length=1024)]
SecretName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]

INLINE_ROWS_MAX = 10_000
_FRAMING_HEADERS = frozenset(
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
    columns: Annotated[dict[NonEmpty, NonEmpty], Meta(min_length=1)] | None = None
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

    name: Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")]
    value: SecretRef


PagesMax = Annotated[int, Meta(ge=1, le=1_000_000)]
PageSize = Annotated[int, Meta(ge=1, le=1_000_000)]


class PageNumber(_Tagged, frozen=True, tag="page_number"):
    """`?page=1`, `?page=2`, …; ends at an empty page, at one shorter than `size`, or at `total_pages`."""

    page_param: NonEmpty = "page"
    start: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1
    size_param: NonEmpty | None = None
    size: PageSize | None = None
    total_pages: NonEmpty | None = None
    """JSONPath of the number of pages in the answer."""
    pages_max: PagesMax = 10_000


class Offset(_Tagged, frozen=True, tag="offset"):
    """`?offset=0&limit=100`, `?offset=100&limit=100`, …; ends at a page shorter than `limit`, or at `total`."""

    limit: PageSize = 100
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
_REFERENCE = '{"secret": "name"}'
_NAME = "a name of a-z, 0-9 and '-'"
_TYPES_INSIDE = {"auth": "bearer, header", "pagination": "page_number, offset, cursor, next_link"}


def parse_extractor(config: Config, field: str = "extractor_config") -> Extractor:
    """Type a config and judge all that its text tells; raises Invalid naming the field."""
    check_type(config, _TYPES, field)
    try:
        extractor: Extractor = typed(config, Extractor, field, valid=keys_of(Extractor, config))
    except Invalid as error:
        error.valid = _valid_inside((error.field or "").removeprefix(f"{field}.")) or error.valid
        raise
    match extractor:
        case CsvExtract(path=path, delimiter=delimiter):
            check_path(path, f"{field}.path")
            if '"' in delimiter or not is_visible(delimiter.replace("\t", "")):
                raise Invalid(
                    f"{field}.delimiter", "the delimiter cannot be told apart", valid="such as , ; | or tab"
                )
        case ParquetExtract(path=path):
            check_path(path, f"{field}.path")
        case ApiExtract():
            _check_api(extractor, field)
        case InlineExtract():
            pass
    return extractor


def _valid_inside(place: str) -> str | None:
    group, _, rest = place.partition(".")
    if rest == "type":
        return _TYPES_INSIDE.get(group)
    if group == "auth" or place.startswith(("headers[", "params[")):
        return f"{_REFERENCE} wherever a secret is meant, with {_NAME}"
    return None


def keys_of(union: Any, config: Config) -> str | None:
    """Return the keys that a config of its type may have, for those who wrote another or left one out."""
    for kind in get_args(union):
        if kind.__struct_config__.tag == config.get("type"):
            return "the keys type, " + ", ".join(kind.__struct_fields__)
    return None


def check_type(config: Config, types: tuple[str, ...], field: str) -> None:
    """Refuse a config whose `type` is not one of `types`, naming those that exist; raises Invalid."""
    given = config.get("type")
    if given not in types:
        said = "is missing" if given is None else f"{str(given)[:64]!r} is not known"
        raise Invalid(f"{field}.type", f"the type {said}", valid=", ".join(types))


def _check_api(extractor: ApiExtract, field: str) -> None:
    place = f"{field}.url"
    url = _split(extractor.url, place)
    # Some servers split a query at `;` too, and a fragment may hold what an OAuth server put there.
    given = parse_qsl(
        url.query.replace(";", "&") + "&" + url.fragment.replace(";", "&"), keep_blank_values=True
    )
    for name, value in given:
        if (value and is_secret_name(name)) or is_secret_value(name, value) or is_secret_value("", name):
            raise Invalid(place, "a secret is written in the URL", valid=f"params with {_REFERENCE}")
    if is_secret_value("", url.path):
        raise Invalid(place, "a secret is written in the URL", valid=f"auth, or params with {_REFERENCE}")
    for name, param in extractor.params.items():
        if isinstance(param, SecretRef | bool):
            continue
        if is_secret_name(name) or (isinstance(param, str) and is_secret_value(name, param)):
            raise Invalid(_within(field, "params", name), "a secret is written literally", valid=_REFERENCE)
    names = set[str]()
    for name, header in extractor.headers.items():
        header_place = _within(field, "headers", name)
        _check_header(name, header, header_place)
        if name.lower() in names:
            raise Invalid(header_place, "the header is given twice", valid="each header once, in any case")
        names.add(name.lower())
    if isinstance(extractor.auth, HeaderAuth) and extractor.auth.name.lower() in _FRAMING_HEADERS:
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
            valid=f'auth: {{"type": "bearer", "token": {_REFERENCE}}}',
        )
    if not (url.hostname or "").strip(".") or not has_port:
        raise Invalid(place, "the URL names no host, or port 0", valid=valid)
    return url


def _check_header(name: str, value: str | SecretRef, field: str) -> None:
    if name.lower() in _FRAMING_HEADERS:
        raise Invalid(field, "this header is set by the client itself", valid="another header")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", name):
        raise Invalid(field, "this is not a header name", valid="letters, digits and hyphens")
    if isinstance(value, SecretRef):
        return
    if is_secret_name(name) or is_secret_value(name, value):
        raise Invalid(field, "a secret is written literally", valid=f"auth, or {_REFERENCE} as the value")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise Invalid(field, "the value is not visible ASCII text", valid="visible ASCII, no space at an end")


def _within(field: str, group: str, name: str) -> str:
    return f"{field}.{group}.{name[:64]}"
