"""
An API's answer: what came, as UTF-8, and which kind of text it is.

    read_text     the charset of the Content-Type or the byte order mark, any of those the web uses
    kind_of       JSON, a record a line, or CSV
    cut           the records, still as the server wrote them
"""

import codecs
from collections.abc import Mapping
from typing import Literal

import httpx
from msgspec import Struct

from orc_executor.errors import WrongShape
from orc_executor.extractors.api.csv_pages import cut_csv
from orc_executor.extractors.json.records import ROOT, JsonPath, Records, compact, line_records, records

Kind = Literal["json", "jsonl", "csv"]

_KINDS: dict[str, Kind] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
    "application/jsonlines": "jsonl",
    "application/json-lines": "jsonl",
    "application/stream+json": "jsonl",
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSETS = (
    "utf-8",
    "utf-16",
    "utf-32",
    "ascii",
    "iso8859",
    "cp125",
    "koi8",
    "shift_jis",
    "euc",
    "gb",
    "big5",
    "mac",
)
"""Beginnings of Python's names for the charsets that are taken: all of them are cheap to decode."""
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")


class Answer(Struct, frozen=True, weakref=True):
    """What a server said."""

    body: bytes
    """UTF-8."""
    url: httpx.URL
    """After redirects."""
    links: Mapping[str, str] = {}
    """Of the `Link` header, by relation in lower case."""
    kind: Kind = "json"
    is_last: bool = False
    """A response action, or the server's 304, says that there are no records here and no pages after it."""


class Cut(Struct, frozen=True):
    """An answer's body without line breaks where it is JSON, and its records."""

    body: bytes
    records: Records


NOTHING = Cut(b"null", Records(b"", 0))


def place(url: httpx.URL) -> str:
    """Return what a message may hold of a URL: a query may hold secrets."""
    return str(url.copy_with(query=None, fragment=None, username=None, password=None))


def kind_of(answer_type: str, content_type: str) -> Kind:
    """Return what the config says, or else the Content-Type."""
    match answer_type:
        case "json" | "jsonl" | "csv":
            return answer_type
    return _KINDS.get(content_type.partition(";")[0].strip().lower(), "json")


def read_text(body: bytes, content_type: str) -> bytes:
    """Return the body as UTF-8 without a byte order mark; raises WrongShape where it is not what it says."""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            return _recoded(body.removeprefix(codecs.BOM_UTF8), charset)
    return _recoded(body, _charset(content_type))


def cut(answer: Answer, path: JsonPath) -> Cut:
    """Return the records of an answer; raises WrongShape."""
    if answer.is_last:
        return NOTHING
    if answer.kind != "json" and path is not ROOT:
        raise WrongShape(f"records is {path.text}, a path into JSON, and the answer is {answer.kind}")
    match answer.kind:
        case "json":
            body = compact(answer.body)
            return Cut(body, records(body, path))
        case "jsonl":
            return Cut(answer.body, line_records(answer.body))
        case "csv":
            if answer.body.lstrip()[:16].lower().startswith(_MARKUP):
                raise WrongShape("the answer is no CSV: it is HTML or XML")
            return Cut(answer.body, cut_csv(answer.body))


def _charset(content_type: str) -> str:
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            said = value.strip().strip("\"'")
            try:
                charset = codecs.lookup(said).name
            except (LookupError, ValueError):
                charset = ""
            if charset.startswith(_CHARSETS):
                return charset
            raise WrongShape(f"the answer's charset {said[:64]!r} is not known")
    return "utf-8"


def _recoded(body: bytes, charset: str) -> bytes:
    if charset in {"utf-8", "ascii"} and body.isascii():
        return body
    try:
        text = body.decode("utf-8" if charset == "ascii" else charset)
    except UnicodeDecodeError as error:
        raise WrongShape(f"the answer is not {charset}: byte {error.start} is none of it") from error
    return body if charset in {"utf-8", "ascii"} else text.encode("utf-8", "replace")
