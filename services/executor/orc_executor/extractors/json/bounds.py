"""
How much of an answer is taken apart in Python.

A record costs some 75 bytes as an object of Python, whatever its text; an answer within its size could hold a hundred
million. So a large one is counted before it is cut.
"""

import msgspec
from msgspec import Raw, Struct

from orc_executor.errors import WrongShape

RECORDS_MAX = 10_000_000
"""Of one answer."""
QUERIED_BYTES_MAX = 32 * 1024 * 1024
"""Of an answer that is decoded whole, for a JSONPath that is more than names."""
VALUE_BYTES_MAX = 64 * 1024
"""Of a cursor, a link, a count."""
_COUNT_FROM_BYTES = 2 * RECORDS_MAX
"""What is smaller holds no more records, each of which takes two."""


class _Empty(Struct, gc=False):
    """Any object: what is in it is passed over."""


_OBJECTS = msgspec.json.Decoder(list[_Empty])
_OBJECT = msgspec.json.Decoder(_Empty)


def check_crowd(text: bytes | Raw, *, is_lines: bool = False) -> None:
    """Refuse an array (or lines) of more records than are taken apart; raises WrongShape, msgspec.MsgspecError."""
    if len(memoryview(text)) <= _COUNT_FROM_BYTES:
        return
    plain = bytes(text)
    if plain.count(b"{") > RECORDS_MAX:
        raise WrongShape(f"there are more than {RECORDS_MAX} objects in one answer")
    between = b"\n" if is_lines else b","
    if plain.count(between) > RECORDS_MAX:
        # Many values, few objects: either they stand inside the records, or this fails at the first that is no object.
        if is_lines:
            _OBJECT.decode_lines(plain)
        else:
            _OBJECTS.decode(plain)


def check_queried(body: bytes, path: str) -> None:
    """Refuse an answer that is too large to decode; raises WrongShape."""
    if len(body) > QUERIED_BYTES_MAX:
        raise WrongShape(
            f"{path} is more than names, and the answer is larger than the {QUERIED_BYTES_MAX} bytes that are searched"
        )


def check_value(text: bytes | Raw, path: str) -> None:
    """Refuse what is no single value by its size; raises WrongShape."""
    if len(memoryview(text)) > VALUE_BYTES_MAX:
        raise WrongShape(f"at {path} are more than {VALUE_BYTES_MAX} bytes")
