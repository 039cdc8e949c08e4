"""
Between event classes and the JSON text the log keeps.

An event class is a frozen `msgspec.Struct` with `tag_field="type"`; its tag is the wire type. When its shape changes,
`SCHEMA_VERSION` goes up and an upcast turns the old JSON into the new: what was recorded is never rewritten.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, get_args

import msgspec

from orc_events.errors import NotStorable, UnknownEvent
from orc_events.event import NewEvent, Recorded
from orc_events.storable import EVENT_BYTES_MAX, is_poison

E = TypeVar("E")
Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""From the JSON object of one schema version to that of the next."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class EventCodec(Generic[E]):
    """
    Encodes and decodes the events of one union: `EventCodec(RunRequested | RunStarted)`.

    `upcasts` maps (wire type, schema version) to what lifts it one version up. Not safe for use from several threads.
    """

    def __init__(self, union: Any, *, upcasts: Mapping[tuple[str, int], Upcast] | None = None) -> None:
        classes: tuple[Any, ...] = get_args(union) or (union,)
        self._tags = {cls: str(cls.__struct_config__.tag) for cls in classes}
        self._classes = {tag: cls for cls, tag in self._tags.items()}
        self._versions = {tag: int(getattr(cls, "SCHEMA_VERSION", 1)) for tag, cls in self._classes.items()}
        self._decoders = {tag: msgspec.json.Decoder(cls) for tag, cls in self._classes.items()}
        self._upcasts = dict(upcasts or {})
        self._encoder = msgspec.json.Encoder()
        self.types = frozenset(self._classes)
        """The wire types."""

    def encode(self, event: E) -> NewEvent:
        """
        Return the event as the log takes it; raises NotStorable when it is too large or would not come back.

        A NUL or a lone surrogate inside any text becomes U+FFFD: a source's odd error message must be recordable.
        """
        tag = self._tags[type(event)]
        try:
            data = self._encoder.encode(event)
            if is_poison(data.decode()):
                data = self._encode_cleaned(event)
        except UnicodeEncodeError:
            data = self._encode_cleaned(event)
        except RecursionError as error:
            raise NotStorable(f"{tag} is nested too deeply") from error
        if len(data) > EVENT_BYTES_MAX:
            raise NotStorable(f"{tag} has {len(data)} bytes, more than {EVENT_BYTES_MAX}")
        try:
            # What cannot be read back would stop every reader of the log for good (a NaN becomes null, for one).
            self._decoders[tag].decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise NotStorable(f"{tag} would not be readable: {error}") from error
        return NewEvent(tag, data.decode(), self._versions[tag])

    def decode(self, recorded: Recorded) -> E:
        """Return the event; raises UnknownEvent for a type or a shape that no class here knows."""
        tag, version = recorded.type, recorded.schema_version
        if version == self._versions.get(tag):
            decoded: E = self._decoders[tag].decode(recorded.data)
            return decoded
        return self._lift(tag, version, recorded.data)

    def _lift(self, tag: str, version: int, data: str) -> E:
        newest = self._versions.get(tag)
        if newest is None or version > newest:
            raise UnknownEvent(tag, version)
        shape = msgspec.json.decode(data, type=dict[str, Any])
        for step in range(version, newest):
            upcast = self._upcasts.get((tag, step))
            if upcast is None:
                raise UnknownEvent(tag, version)
            shape = upcast(shape)
        lifted: E = msgspec.convert(shape, self._classes[tag])
        return lifted

    def _encode_cleaned(self, event: E) -> bytes:
        return self._encoder.encode(_clean(msgspec.to_builtins(event)))


def _clean(value: Any) -> Any:
    match value:
        case str():
            return "".join(REPLACEMENT if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
        case dict():
            return {_clean(key): _clean(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_clean(inner) for inner in value]
    return value
