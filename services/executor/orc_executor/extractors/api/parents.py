"""
Parents: records that say which children to ask for.

A placeholder `{parent.user.id}` is a field of the parent's record, put percent-encoded into the child's URL, as it is
into parameters and texts of the body. Fields to include are cut out of the parent's text and set into the child's:
neither record is decoded.
"""

import re
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw, structs

from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_parent import PLACEHOLDER, included_as
from orc_executor.errors import WrongShape
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.json.records import Records
from orc_executor.sql_names import folded
from orc_executor.steps import read_url

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ANY = msgspec.json.Decoder()
_DOTS = frozenset({".", ".."})


class Parent:
    """One record of the parent."""

    def __init__(self, number: int, text: bytes) -> None:
        self._number, self._text = number, text

    def raw(self, name: str) -> bytes | None:
        """Return the JSON text of a field, None where it is not there; raises WrongShape."""
        place: bytes | Raw = self._text
        try:
            for part in name.split("."):
                found = _OBJECT.decode(place).get(part)
                if found is None:
                    return None
                place = found
        except msgspec.ValidationError:
            return None
        except msgspec.MsgspecError as error:
            raise WrongShape(f"record {self._number} of the parent is no JSON: {error}") from error
        return bytes(place)

    def value(self, name: str) -> tuple[str, Any]:
        """Return a field as text, numbers as they are written, and as JSON; raises WrongShape where it is neither."""
        raw = self.raw(name)
        kind = b"null" if raw is None else raw
        if raw is None or raw == b"null" or raw[:1] in (b"{", b"["):
            said = {b"n": "missing or null", b"{": "an object", b"[": "an array"}[kind[:1]]
            raise self.fault(name, f"is {said}")
        found = _ANY.decode(raw)
        return (found if isinstance(found, str) else raw.decode()), found

    def fault(self, name: str, what: str) -> WrongShape:
        """Return the error about a field."""
        return WrongShape(
            f"record {self._number} of the parent: {name} {what}, and the child's request needs it"
        )


class Children:
    """What to ask for the children of a parent, and what they get of it."""

    def __init__(self, config: ApiExtract, first: Request) -> None:
        assert config.parent is not None
        self._config, self._first, self._include = config, first, config.parent.include
        words = b"|".join(re.escape(included_as(name)).encode() for name in self._include)
        self._taken = re.compile(b'"(?:' + words + b')"', re.IGNORECASE)
        self._names = {folded(included_as(name)) for name in self._include}

    def first(self, parent: Parent) -> Request:
        """Return the first question for the children of this parent; raises WrongShape."""
        given = self._first.url.params
        params = {
            name: _filled(value, parent) if isinstance(value, str) else given[name]
            for name, value in self._config.params.items()
        }
        url = read_url(_filled_url(self._config.url, parent), "extractor_config.url").copy_merge_params(
            params
        )
        return Request(url, _filled_body(self._first.body, parent))

    def with_parent(self, records: Records, parent: Parent) -> Records:
        """Return the children's records with the parent's fields first in each; raises WrongShape."""
        if not (self._include and records.count):
            return records
        if records.header is not None:
            raise WrongShape("parent.include sets fields into JSON, and the answer is something else")
        if self._taken.search(records.text):
            self._check_names(records)
        fields = [
            msgspec.json.encode(included_as(name)) + b":" + (parent.raw(name) or b"null")
            for name in self._include
        ]
        begin = b"{" + b",".join(fields)
        # Each line is one record, and within a record is no line break.
        text = (b"\n" + records.text).replace(b"\n{", b"\n" + begin + b",")[1:]
        # A record without fields of its own has now a comma too many.
        text = re.sub(b"(?m)^" + re.escape(begin) + rb",[ \t]*\}[ \t]*$", lambda _: begin + b"}", text)
        return structs.replace(records, text=text)

    def _check_names(self, records: Records) -> None:
        for record in records.text.split(b"\n"):
            for name in _OBJECT.decode(record):
                if folded(name) in self._names:
                    raise WrongShape(
                        f"the records have a field {name} already, which parent.include would add"
                    )


def _filled(text: str, parent: Parent) -> str:
    return PLACEHOLDER.sub(lambda found: parent.value(found[1])[0], text)


def _filled_url(template: str, parent: Parent) -> str:
    def part(found: "re.Match[str]") -> str:
        text = parent.value(found[1])[0]
        if not text:
            raise parent.fault(found[1], "is an empty text")
        return quote(text, safe="")

    url = PLACEHOLDER.sub(part, template)
    # Steps that only the parent's values make would lead to another resource.
    for before, after in zip(_steps(template), _steps(url), strict=True):
        if after in _DOTS and before != after:
            name = PLACEHOLDER.findall(before)[0]
            raise parent.fault(name, "is a step to another path")
    return url


def _steps(url: str) -> list[str]:
    return url.partition("?")[0].split("/")


def _filled_body(body: Any, parent: Parent) -> Any:
    """Return the body with its texts filled; one that is a placeholder alone becomes the value itself."""
    match body:
        case str():
            if (alone := PLACEHOLDER.fullmatch(body)) is not None:
                return parent.value(alone[1])[1]
            return _filled(body, parent)
        case dict():
            return {name: _filled_body(value, parent) for name, value in body.items()}
        case list():
            return [_filled_body(value, parent) for value in body]
    return body
