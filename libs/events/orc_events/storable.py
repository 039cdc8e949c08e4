"""
What the log refuses to keep, told before a batch is sent, so that nobody's append spoils a batch for others.

The codec makes text from outside storable; this is the door behind it, the same for every log.
"""

import re
from datetime import datetime

import msgspec

from orc_events.errors import NotStorable
from orc_events.event import Append

EVENT_BYTES_MAX = 1_000_000
"""A whole event with its headers must fit one NATS message of 1 MiB."""
APPEND_EVENTS_MAX = 1_000
NAME_BYTES_MAX = 255
HASH_BYTES = 32

# Postgres keeps these escapes in a `json` but can never read the value out again. A surrogate pair is refused as
# well: the character itself says the same.
_POISON = re.compile(r"(?<!\\)(?:\\\\)*\\u(?:0000|[dD][89a-fA-F])")
_json = msgspec.json.Decoder(msgspec.Raw)


def check(item: Append) -> None:
    """Raise NotStorable when the log can never keep this."""
    if not 1 <= len(item.events) <= APPEND_EVENTS_MAX:
        raise NotStorable(f"an append has 1 to {APPEND_EVENTS_MAX} events, not {len(item.events)}")
    if item.expected_version < 0:
        raise NotStorable(f"no stream has version {item.expected_version}")
    if len(item.body_hash) != HASH_BYTES:
        raise NotStorable(f"a body hash has {HASH_BYTES} bytes, not {len(item.body_hash)}")
    _check_name("stream", item.stream)
    _check_name("actor", item.actor)
    _check_time("occurred_at", item.occurred_at)
    if item.deadline is not None:
        _check_time("deadline", item.deadline)
    if item.result is not None:
        _check_json("result", item.result)
    for event in item.events:
        _check_name("type", event.type)
        _check_json(event.type, event.data)
        if event.schema_version < 1:
            raise NotStorable(f"{event.type}: no shape has version {event.schema_version}")


def is_poison(json_text: str) -> bool:
    """Tell whether a JSON text escapes a NUL or a surrogate."""
    return "\\u" in json_text and _POISON.search(json_text) is not None


def _check_name(field: str, value: str) -> None:
    if not 1 <= len(value) <= NAME_BYTES_MAX or not value.isprintable() or len(_utf8(value)) > NAME_BYTES_MAX:
        raise NotStorable(f"{field} is 1 to {NAME_BYTES_MAX} bytes of printable text")


def _check_time(field: str, value: datetime) -> None:
    if value.utcoffset() is None:
        raise NotStorable(f"{field} has no time zone")


def _check_json(field: str, text: str) -> None:
    data = _utf8(text)
    if len(data) > EVENT_BYTES_MAX:
        raise NotStorable(f"{field} has {len(data)} bytes, more than {EVENT_BYTES_MAX}")
    if is_poison(text):
        raise NotStorable(f"{field} escapes a NUL or a surrogate")
    try:
        _json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotStorable(f"{field} is not JSON: {error}") from error


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotStorable("text holds a lone surrogate") from error
