"""
Turn untyped JSON into a typed config, naming the field that is wrong.

msgspec says where and what in one sentence; this splits it, so that an error can point at `tasks[0].loader_config.db_path`.
"""

import re
from typing import Any, TypeVar
from unicodedata import category

from msgspec import ValidationError, convert

from orc_domain.rejection import Invalid

T = TypeVar("T")

_SAID_MAX = 300
"""What is said back of a name that the user chose is cut to so many characters."""
_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")
_UNKNOWN = re.compile(r"contains unknown field `(?P<name>[^`]+)`")


def typed(value: Any, into: type[T] | Any, field: str, *, valid: str | None = None) -> T:
    """Convert `value` into the type `into`; raises Invalid with the path under `field`."""
    try:
        converted: T = convert(value, into, strict=True)
    except ValidationError as error:
        raise invalid_from(error, field, valid=valid) from error
    return converted


def invalid_from(error: ValidationError, field: str, *, valid: str | None = None) -> Invalid:
    """Say the same as `error`, with the field's whole path, the missing or unknown key included."""
    match = _PLACE.match(str(error))
    assert match is not None, "the pattern takes any text"
    what, path = match["what"], match["path"] or ""
    for pattern in (_MISSING, _UNKNOWN):
        if named := pattern.search(what):
            path += f".{named['name']}"
    return Invalid((field + path).lstrip(".")[:_SAID_MAX], what[:_SAID_MAX], valid=valid)


def is_visible(text: str) -> bool:
    """Tell whether a text has no control character, no separator of lines and no lone surrogate."""
    return text.isprintable() or not any(category(character) in _HIDDEN for character in text)
