"""Resources under others: `/issues/{parent.number}/comments` is asked for once for each record of the parent."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from orc_domain.config import NonEmpty, SecretRef
from orc_domain.extractors.api_pages import Pagination
from orc_domain.names import folded
from orc_domain.rejection import Invalid

PLACEHOLDER = re.compile(r"\{parent\.([^{}.]+(?:\.[^{}.]+)*)\}")
"""Stands for a field of the parent's record, dotted where it is nested."""

PARENT_RECORDS_MAX = 1_000_000
INCLUDES_MAX = 100


class ApiParent(Struct, frozen=True, forbid_unknown_fields=True):
    """The resource whose records say which children to ask for; it shares the child's auth, headers and limits."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    """Of the parent; the child's URL refers to its fields as `{parent.field}`."""
    params: dict[NonEmpty, str | int | float | bool | SecretRef] = {}
    """Query parameters of the parent; a secret as {"secret": name}."""
    records: NonEmpty | None = None
    """JSONPath (RFC 9535) of the array of records; None when the answer is the array."""
    pagination: Pagination | None = None
    """Of the parent; None is one answer."""
    include: Annotated[tuple[NonEmpty, ...], Meta(max_length=INCLUDES_MAX)] = ()
    """Fields of the parent's record that each child's record gets, as `parent_<field>`; dots become `_`."""
    records_max: Annotated[int, Meta(ge=1, le=PARENT_RECORDS_MAX)] = 10_000
    """Parents beyond so many fail the task."""


def included_as(name: str) -> str:
    """Return what a field of the parent is called in the child's record."""
    return f"parent_{name.replace('.', '_')}"


def check_parent(
    parent: ApiParent | None, url: str, params: Mapping[str, Any], body: Any, field: str
) -> None:
    """Judge the placeholders of a child's url, params and body, and what its parent says; raises Invalid."""
    _check_host(url, f"{field}.url")
    if parent is None:
        for place, text in _texts(url, params, body):
            if PLACEHOLDER.search(text):
                raise Invalid(
                    f"{field}.{place}", "a placeholder stands for a parent's field, and there is no parent",
                    valid="parent: the resource that has the field",
                )  # fmt: skip
        return
    if "{" in parent.url:
        raise Invalid(f"{field}.parent.url", "a parent has no placeholders", valid="a URL without { and }")
    if not any(PLACEHOLDER.search(text) for _, text in _texts(url, params, body)):
        raise Invalid(
            f"{field}.parent",
            "nothing says which child to ask for",
            valid="a placeholder such as {parent.id} in url, params or body",
        )
    if _origin(parent.url) != _origin(url):
        raise Invalid(
            f"{field}.parent.url",
            "the parent is on another server, which the child's auth and headers are not for",
            valid="the scheme, host and port of url",
        )
    seen = set[str]()
    for nth, name in enumerate(parent.include):
        new = folded(included_as(name))
        if not all(name.split(".")) or new in seen:
            raise Invalid(
                f"{field}.parent.include[{nth}]",
                f"{name[:64]!r} is no field, or would have the name of another",
                valid="each field once, dotted where it is nested",
            )
        seen.add(new)


def _check_host(url: str, field: str) -> None:
    head, _, rest = url.partition("://")
    if "{" in head or "{" in re.split(r"[/?#]", rest, maxsplit=1)[0]:
        raise Invalid(
            field, "a placeholder stands in the scheme or host", valid="placeholders in path or query"
        )
    left = PLACEHOLDER.sub("", url)
    if "{parent" in left or PLACEHOLDER.search(url.partition("#")[2]):
        raise Invalid(
            field, "a placeholder is not whole, or stands after #", valid="{parent.field} in path or query"
        )


def _texts(url: str, params: Mapping[str, Any], body: Any) -> Iterator[tuple[str, str]]:
    """Yield each text that may hold placeholders, with its place."""
    yield "url", url
    for name, value in params.items():
        if isinstance(value, str):
            yield f"params.{name[:64]}", value
    yield from (("body", text) for text in _strings(body))


def _strings(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        match left.pop():
            case str() as text:
                yield text
            case dict() as found:
                left += found.values()
            case list() as found:
                left += found


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return (
        parts.scheme.lower(),
        parts.hostname,
        parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower()),
    )
