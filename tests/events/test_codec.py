"""Between event classes and stored text: nothing that goes in may be unreadable later."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from orc_events import storable
from orc_events.codec import EventCodec
from orc_events.errors import NotStorable, UnknownEvent
from orc_events.event import NewEvent, Recorded


class Noted(Struct, frozen=True, tag_field="type", tag="note.noted"):
    text: str
    extra: dict[str, Any] = {}
    ratio: float = 0.0


class Filed(Struct, frozen=True, tag_field="type", tag="note.filed"):
    SCHEMA_VERSION = 3

    folder: str
    pages: int


UPCASTS = {
    ("note.filed", 1): lambda shape: {**shape, "folder": shape["drawer"].upper()},
    ("note.filed", 2): lambda shape: {**shape, "pages": 1},
}
CODEC: EventCodec[Noted | Filed] = EventCodec(Noted | Filed, upcasts=UPCASTS)
NEVER = datetime(2026, 1, 1, tzinfo=UTC)


def recorded(new: NewEvent) -> Recorded:
    return Recorded(
        position=1,
        stream="note-1",
        version=1,
        type=new.type,
        schema_version=new.schema_version,
        data=new.data,
        actor="user:alice",
        command_id=UUID(int=1),
        correlation_id=UUID(int=1),
        occurred_at=NEVER,
        recorded_at=NEVER,
        hash=b"",
    )


def passed(event):
    return CODEC.decode(recorded(CODEC.encode(event)))


def test_encode():
    """An event becomes its wire type, its JSON with keys in the order given, and its schema version."""
    assert CODEC.encode(Noted("ä", {"b": 1, "a": 2})) == NewEvent(
        "note.noted", '{"type":"note.noted","text":"ä","extra":{"b":1,"a":2},"ratio":0.0}', 1
    )
    assert CODEC.encode(Filed("A", 2)).schema_version == 3
    assert CODEC.types == {"note.noted", "note.filed"}


def test_codec_of_one_class():
    """A union may have one member."""
    assert EventCodec(Noted).types == {"note.noted"}


@given(
    st.text(),
    st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)),
)
def test_any_text(text, extra):
    """Whatever text an event holds, the log takes it and gives the same back, NULs and lone surrogates aside."""
    event = Noted(text, extra)
    new = CODEC.encode(event)
    storable._check_json("data", new.data)
    if "\0" not in repr(event) and "\\x00" not in repr(event) and "\\ud" not in repr(event):
        assert CODEC.decode(recorded(new)) == event


def test_unstorable_text_is_made_storable():
    """A NUL or a lone surrogate becomes U+FFFD, wherever it stands; an escaped backslash stays what it is."""
    event = Noted("a\0b\ud800c", {"k\0": ["\udfff", {"x": "\0"}], "plain": "\\u0000"})
    assert passed(event) == Noted("a�b�c", {"k�": ["�", {"x": "�"}], "plain": "\\u0000"})


def test_unreadable_is_refused():
    """A NaN would come back as null and stop every reader, so it is not written."""
    with pytest.raises(NotStorable, match=r"note\.noted would not be readable"):
        CODEC.encode(Noted("x", ratio=float("nan")))


def test_too_large_is_refused():
    """An event that would not fit a message of the bus is not written."""
    with pytest.raises(NotStorable, match="more than 1000000"):
        CODEC.encode(Noted("x" * 1_000_000))


def test_too_deep_is_refused():
    """An event nested without end is refused, not crashed on."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotStorable):
        CODEC.encode(Noted("x", {"deep": deep}))


def test_old_shapes_are_lifted():
    """Each old shape is lifted step by step to the newest."""
    first = NewEvent("note.filed", '{"type":"note.filed","drawer":"a"}', 1)
    second = NewEvent("note.filed", '{"type":"note.filed","folder":"B"}', 2)
    assert [CODEC.decode(recorded(old)) for old in (first, second)] == [Filed("A", 1), Filed("B", 1)]


@pytest.mark.parametrize(
    ("type_", "version"),
    [("note.burnt", 1), ("note.filed", 4), ("note.noted", 0)],
)
def test_unknown(type_, version):
    """A type, or a shape of it, that no class here knows is named."""
    event = replace(recorded(NewEvent("note.noted", "{}")), type=type_, schema_version=version)
    with pytest.raises(UnknownEvent) as unknown:
        CODEC.decode(event)
    assert (unknown.value.event_type, unknown.value.schema_version) == (type_, version)


def test_unknown_fields_are_left_aside():
    """A field that a newer release added does not stop an older one."""
    new = NewEvent("note.noted", '{"type":"note.noted","text":"x","added":1}')
    assert CODEC.decode(recorded(new)) == Noted("x")
