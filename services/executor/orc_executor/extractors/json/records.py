"""
Records in a JSON answer, cut out as they are written.

Where the JSONPath is plain names, nothing is decoded but the way to the array: its elements stay slices of the
answer's own bytes. Any other path is looked up in the decoded answer.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from orc_executor.errors import WrongShape
from orc_executor.extractors.json.bounds import check_crowd, check_queried, check_value

_STEP = re.compile(
    r"""\.(?P<dotted>[A-Za-z_][A-Za-z0-9_]*)|\['(?P<single>[^'\\]+)'\]|\["(?P<double>[^"\\]+)"\]"""
)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_DESCRIBED_BYTES_MAX = 1024 * 1024
_STEPS_MAX = 256
"""Names whose decoders are kept."""
_ARRAY = msgspec.json.Decoder(list[Raw])
_LINE = msgspec.json.Decoder(Raw)
_ANY = msgspec.json.Decoder()
_OTHER_LINE = re.compile(rb"\n(?!\{)")
_BOM = b"\xef\xbb\xbf"
_NAMES_SHOWN_MAX = 10
_KINDS = {b"<": "HTML or XML", b"[": "an array", b"n": "null", b'"': "a string"} | dict.fromkeys(
    (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"-"), "a number"
)


class JsonPath(Struct, frozen=True):
    """A place in an answer."""

    text: str
    names: tuple[str, ...] | None
    """The way there, when it is plain names."""
    is_spread: bool
    """Whether it ends in `[*]`: the elements are meant, which is what the array alone means, too."""
    query: Any = None

    @classmethod
    def parse(cls, text: str, field: str) -> "JsonPath":
        """Read an RFC 9535 path; raises WrongShape naming the config's field."""
        body = text.strip()
        is_spread = body.endswith("[*]")
        names, place = list[str](), 1
        plain = body.removesuffix("[*]")
        while body.startswith("$") and (step := _STEP.match(plain, place)):
            names.append(step["dotted"] or step["single"] or step["double"])
            place = step.end()
        if body.startswith("$") and place == len(plain):
            return cls(text, tuple(names), is_spread)
        import jsonpath_rfc9535  # noqa: PLC0415 - plain paths do without

        try:
            return cls(text, None, is_spread, jsonpath_rfc9535.compile(body))
        except jsonpath_rfc9535.JSONPathError as error:
            raise WrongShape(f"{field}: {text} is no JSONPath: {error}") from error


class Records(Struct, frozen=True):
    """The records of one answer."""

    text: bytes
    """The JSON text of one object a line, without a last line end; of CSV the rows."""
    count: int
    header: bytes | None = None
    """Of CSV."""
    line_end: bytes = b"\n"


ROOT = JsonPath("$", (), is_spread=False)


_BROKEN = (msgspec.MsgspecError, RecursionError)
"""What a decoder says of a text that it cannot read: no JSON, or nested too deeply."""


def compact(body: bytes) -> bytes:
    """Return the answer without the line breaks between its parts; raises WrongShape when it is no JSON."""
    body = body.removeprefix(_BOM)
    if b"\n" not in body and b"\r" not in body:
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except _BROKEN as error:
        raise _no_json(body, error) from error


def records(body: bytes, path: JsonPath) -> Records:
    """Return the records of a compact answer; raises WrongShape."""
    found = _by_query(body, path) if path.names is None else _by_names(body, path)
    text = b"\n".join(found)
    # No line break is inside a compact record, so each line is one.
    if not _are_objects(text):
        raise WrongShape(f"not every record at {path.text} is an object")
    return Records(text, len(found))


def line_records(body: bytes) -> Records:
    """Return the records of an answer that has one a line; raises WrongShape."""
    try:
        check_crowd(body, is_lines=True)
        found = _LINE.decode_lines(body)
    except msgspec.ValidationError as error:
        raise WrongShape("not every line of the answer is an object") from error
    except _BROKEN as error:
        raise _no_json(body, error) from error
    text = b"\n".join(found)
    if text.count(b"\n") >= max(1, len(found)):
        # A record goes over several lines.
        text = b"\n".join(compact(bytes(one)) for one in found)
    if not _are_objects(text):
        raise WrongShape("not every line of the answer is an object")
    return Records(text, len(found))


def _are_objects(text: bytes) -> bool:
    """Whether each line begins one; a pattern that begins with a line end goes from one to the next at memory's speed."""
    return not text or (text.startswith(b"{") and not _OTHER_LINE.search(text))


def _by_names(body: bytes, path: JsonPath) -> list[Raw]:
    place = _walk(body, path)
    if place is None:
        raise WrongShape(f"there is nothing at {path.text}: the answer is {_described(body)}")
    try:
        check_crowd(place)
        return _ARRAY.decode(place)
    except msgspec.ValidationError as error:
        said = _described(bytes(place))
        if said == _KINDS[b"["]:
            raise WrongShape(f"not every record at {path.text} is an object") from error
        raise WrongShape(f"there is no array at {path.text}, but {said}") from error
    except _BROKEN as error:
        raise _no_json(body, error) from error


def _by_query(body: bytes, path: JsonPath) -> list[bytes]:
    found = _found(body, path)
    if len(found) == 1 and isinstance(found[0], list) and not path.is_spread:
        found = found[0]
    return [msgspec.json.encode(record) for record in found]


def value(body: bytes, path: JsonPath) -> Any:
    """Return what stands at the path, None when nothing does; raises WrongShape when the answer is no JSON."""
    if path.names is None:
        found = _found(body, path)
        return found[0] if found else None
    place = _walk(body, path)
    if place is None:
        return None
    check_value(place, path.text)
    return _ANY.decode(place)


def _walk(body: bytes, path: JsonPath) -> bytes | Raw | None:
    assert path.names is not None
    place: bytes | Raw = body
    try:
        for name in path.names:
            found = _step(name).decode(place).inside
            if isinstance(found, UnsetType):
                return None
            place = found
    except msgspec.ValidationError:
        # It stands there, but is no object: the rest of the path leads nowhere.
        return None
    except _BROKEN as error:
        raise _no_json(body, error) from error
    return place


@lru_cache(_STEPS_MAX)
def _step(name: str) -> "msgspec.json.Decoder[Any]":
    """Return a decoder that keeps one field of an object and passes over the others, however many there are."""
    field = ("inside", Raw | UnsetType, UNSET)
    return msgspec.json.Decoder(msgspec.defstruct("Step", [field], rename={"inside": name}))


def _found(body: bytes, path: JsonPath) -> list[Any]:
    check_queried(body, path.text)
    try:
        return list(path.query.find(_ANY.decode(body)).values())
    except _BROKEN as error:
        raise _no_json(body, error) from error


def _no_json(body: bytes, error: Exception) -> WrongShape:
    if isinstance(error, RecursionError):
        return WrongShape("the answer is nested too deeply")
    return WrongShape(f"the answer is no JSON ({error}): it is {_described(body)}")


def _described(body: bytes) -> str:
    """Say what it is without quoting it: a server may send back what it was sent, secrets among it."""
    begin = body.lstrip()[:1]
    if not begin:
        return "empty"
    if begin == b"{":
        if len(body) > _DESCRIBED_BYTES_MAX:
            return "a large object"
        try:
            names = list(_OBJECT.decode(body))
        except _BROKEN:
            return "a broken object"
        shown = ", ".join(names[:_NAMES_SHOWN_MAX]) + (", …" if len(names) > _NAMES_SHOWN_MAX else "")
        return f"an object with {shown}" if names else "an empty object"
    return _KINDS.get(begin, "a text")
