"""
CloudEvents 1.0, NATS binding, binary mode: the envelope in headers, the event's own JSON text as the body.

Any system that speaks CloudEvents can subscribe; ours reads the same headers. The `orc-` headers carry what the
log knows and CloudEvents has no word for. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md
"""

from collections.abc import Mapping

from msgspec import Struct

from orc_events.event import Position, Recorded, StreamName, Version

EVENTS_SUBJECT = "orc.events."
"""Followed by the event's type, as `orc.events.run.requested`."""


class Message(Struct, frozen=True, gc=False):
    """What is published on one subject."""

    subject: str
    data: bytes
    headers: dict[str, str] | None = None


class Envelope(Struct, frozen=True, gc=False):
    """What the headers of a message say about its event."""

    position: Position
    type: str
    stream: StreamName
    version: Version


def headers_of(recorded: Recorded) -> dict[str, str]:
    """Return the CloudEvents headers of an event; `ce-id` is its position, so it orders and dedupes."""
    return {
        "ce-specversion": "1.0",
        "ce-id": str(recorded.position),
        "ce-type": recorded.type,
        "ce-source": "orc",
        "ce-subject": recorded.stream,
        "ce-time": recorded.occurred_at.isoformat(),
        "ce-datacontenttype": "application/json",
        "orc-version": str(recorded.version),
        "orc-schema-version": str(recorded.schema_version),
        "orc-actor": recorded.actor,
        "orc-command-id": str(recorded.command_id),
        "orc-correlation-id": str(recorded.correlation_id),
    }


def message(recorded: Recorded, subject: str | None = None, *, after_sequence: int | None = None) -> Message:
    """
    Return the event as a message, on `orc.events.<type>` or on the given subject (as work).

    `after_sequence` has JetStream refuse it unless the stream's last sequence is that one.
    """
    headers = headers_of(recorded)
    if after_sequence is not None:
        headers["Nats-Expected-Last-Sequence"] = str(after_sequence)
    return Message(subject or EVENTS_SUBJECT + recorded.type, recorded.data.encode(), headers)


def envelope(headers: Mapping[str, str]) -> Envelope:
    """Read the headers of a message; raises KeyError or ValueError when it is not one of ours."""
    return Envelope(
        position=Position(int(headers["ce-id"])),
        type=headers["ce-type"],
        stream=StreamName(headers["ce-subject"]),
        version=Version(int(headers["orc-version"])),
    )
