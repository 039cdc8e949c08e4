"""
Which texts of a config are SQL that is run as it stands.

A field is one by its type, `SqlText`, wherever it stands; nothing else of a config ever becomes more than a name or a
value in a statement. A plugin marks its own fields in the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

from msgspec import Meta, Struct

_MARK = "is_sql"

SqlText = Annotated[str, Meta(extra={_MARK: True}, extra_json_schema={"contentMediaType": "application/sql"})]
"""SQL; further limits go around it: `Annotated[SqlText, Meta(max_length=10_000)]`."""


class Sql(Struct, frozen=True):
    """A text that is SQL."""

    place: str
    """Under the config: `query`, `checks[2].query`."""
    text: str
    """As it was given."""


def sql_of(parsed: Any, given: Any, place: str = "") -> Iterator[Sql]:
    """
    Yield the SQL of a config, in order.

    `parsed` is the typed config and `given` what it was made of, from which the texts are taken: templates in them may
    be written out in the other.
    """
    match parsed:
        case Struct() if isinstance(given, Mapping):
            marked = sql_fields(type(parsed))
            for name, key in zip(parsed.__struct_fields__, parsed.__struct_encode_fields__, strict=True):
                value, at = given.get(key), f"{place}.{key}".lstrip(".")
                if value is None:
                    continue
                if name in marked:
                    yield Sql(at, str(value))
                else:
                    yield from sql_of(getattr(parsed, name), value, at)
        case Mapping() if isinstance(given, Mapping):
            for key, inner in parsed.items():
                yield from sql_of(inner, given.get(key), f"{place}.{key}")
        case list() | tuple() if isinstance(given, Sequence):
            for number, (inner, value) in enumerate(zip(parsed, given, strict=False)):
                yield from sql_of(inner, value, f"{place}[{number}]")


@cache
def sql_fields(kind: type[Struct]) -> frozenset[str]:
    """Return the names of a Struct's fields that are SQL."""
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name in kind.__struct_fields__ if _is_marked(hints[name]))


def _is_marked(hint: Any) -> bool:
    if any(
        isinstance(meta, Meta) and (meta.extra or {}).get(_MARK) for meta in getattr(hint, "__metadata__", ())
    ):
        return True
    return any(_is_marked(inner) for inner in get_args(hint))
