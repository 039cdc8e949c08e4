"""
MemoryJetStream: as much of JetStream as the bus uses, in memory and without time.

Streams with work-queue and limits retention, the expected last sequence, durable pull consumers with explicit ack.
What JetStream does by its clock is left out (ages, expiry, heartbeats, `ack_wait`): a test says when it happens, by
`MemoryBroker.expire`. Limits in bytes are kept for `discard: new` only.
"""

from base64 import b64encode
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from orc_events.cloudevents import Message


class Refusal(Exception):  # never leaves this module's caller
    """An answer of the API that says no."""

    def __init__(self, err_code: int, description: str) -> None:
        super().__init__(description)
        self.body = {"error": {"code": 400, "err_code": err_code, "description": description}}


def matches(pattern: str, subject: str) -> bool:
    """Tell whether a subject falls under a pattern with `*` and `>`."""
    wanted, given = pattern.split("."), subject.split(".")
    for index, part in enumerate(wanted):
        if part == ">":
            return len(given) > index
        if index >= len(given) or part not in ("*", given[index]):
            return False
    return len(wanted) == len(given)


class Consumer:
    """A durable pull consumer: what is to deliver, what is delivered and unacked, which requests are open."""

    def __init__(self, stream: "Stream", config: dict[str, Any]) -> None:
        self.stream, self.config = stream, config
        self.ready: deque[int] = deque(stream.messages)
        self.unacked: dict[int, int] = {}
        self.deliveries: dict[int, int] = {}
        self.requests: deque[list[Any]] = deque()

    def wants(self, subject: str) -> bool:
        """Tell whether messages of this subject are for this consumer."""
        return matches(self.config.get("filter_subject") or ">", subject)

    @property
    def pending(self) -> int:
        """How many messages nobody was given yet."""
        kept = (self.stream.messages.get(sequence) for sequence in self.ready)
        return sum(message is not None and self.wants(message.subject) for message in kept)

    def next(self, is_heard: Callable[[str], bool]) -> tuple[str, int] | None:
        """Return the inbox and the sequence of the next delivery, None when there is none or nobody asks."""
        while self.ready and self.requests:
            if not is_heard(self.requests[0][0]):
                self.requests.popleft()
                continue
            sequence = self.ready.popleft()
            kept = self.stream.messages.get(sequence)
            if kept is None or not self.wants(kept.subject):
                continue
            request = self.requests[0]
            request[1] -= 1
            if not request[1]:
                self.requests.popleft()
            self.deliveries[sequence] = self.unacked[sequence] = self.deliveries.get(sequence, 0) + 1
            return request[0], sequence
        return None

    def hear(self, sequence: int, verb: bytes) -> None:
        """Take an answer to a delivery."""
        if sequence not in self.unacked:
            return
        if verb.startswith(b"+ACK"):
            del self.unacked[sequence]
            if self.stream.config.get("retention") == "workqueue":
                self.stream.messages.pop(sequence, None)
        elif verb.startswith(b"-NAK"):
            del self.unacked[sequence]
            self.ready.append(sequence)

    def expire(self) -> None:
        """Act as if `ack_wait` had passed for everything unacked."""
        self.ready.extend(self.unacked)
        self.unacked.clear()


class Stream:
    """Messages by sequence, and the consumers of them."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.messages: dict[int, Message] = {}
        self.last_sequence = 0
        self.consumers: dict[str, Consumer] = {}

    def store(self, message: Message) -> int:
        """Append a message and return its sequence; raises Refusal."""
        expected = (message.headers or {}).get("Nats-Expected-Last-Sequence")
        if expected is not None and int(expected) != self.last_sequence:
            raise Refusal(10071, f"wrong last sequence: {self.last_sequence}")
        bytes_kept = sum(len(kept.data) for kept in self.messages.values()) + len(message.data)
        if self.config.get("discard") == "new" and bytes_kept > self.config.get("max_bytes", bytes_kept):
            raise Refusal(10077, "maximum bytes exceeded")
        self.last_sequence += 1
        self.messages[self.last_sequence] = message
        for consumer in self.consumers.values():
            consumer.ready.append(self.last_sequence)
        return self.last_sequence

    def describe(self) -> dict[str, Any]:
        """Answer STREAM.INFO."""
        return {
            "config": self.config,
            "state": {"last_seq": self.last_sequence, "messages": len(self.messages)},
        }


class MemoryJetStream:
    """Streams by name, and the API calls that make, describe and read them."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}

    def stream_of(self, subject: str) -> Stream | None:
        """Return the stream that keeps messages of a subject."""
        for stream in self.streams.values():
            if any(matches(pattern, subject) for pattern in stream.config["subjects"]):
                return stream
        return None

    def consumer(self, stream: str, durable: str) -> Consumer | None:
        """Return a consumer, None when it or its stream is not there."""
        return self.streams[stream].consumers.get(durable) if stream in self.streams else None

    def answer(self, call: str, data: bytes) -> dict[str, Any]:
        """Answer `$JS.API.<call>`."""
        try:
            return self._call(call, msgspec.json.decode(data) if data else {})
        except Refusal as refusal:
            return refusal.body

    def _call(self, call: str, body: Any) -> dict[str, Any]:
        match call.split("."):
            case ["STREAM", "CREATE", name]:
                if name in self.streams and self.streams[name].config != body:
                    raise Refusal(10058, "stream name already in use with a different configuration")
                self.streams.setdefault(name, Stream(body))
                return self._stream(name).describe()
            case ["STREAM", "UPDATE", name]:
                self._stream(name).config = body
                return self._stream(name).describe()
            case ["STREAM", "DELETE", name]:
                self._stream(name)
                del self.streams[name]
                return {"success": True}
            case ["STREAM", "INFO", name]:
                return self._stream(name).describe()
            case ["STREAM", "MSG", "GET", name]:
                return self._message(self._stream(name), body["seq"])
            case ["CONSUMER", "DURABLE", "CREATE", stream, name]:
                return self._make_consumer(self._stream(stream), name, body["config"])
            case ["CONSUMER", "DELETE", stream, name]:
                self._stream(stream).consumers.pop(name, None)
                return {"success": True}
            case ["CONSUMER", "INFO", stream, name]:
                if name not in self._stream(stream).consumers:
                    raise Refusal(10014, "consumer not found")
                return {"config": self._stream(stream).consumers[name].config}
        raise Refusal(10025, f"not known here: {call}")

    def _stream(self, name: str) -> Stream:
        if name not in self.streams:
            raise Refusal(10059, "stream not found")
        return self.streams[name]

    def _make_consumer(self, stream: Stream, name: str, config: dict[str, Any]) -> dict[str, Any]:
        if name in stream.consumers:
            stream.consumers[name].config = config
        else:
            stream.consumers[name] = Consumer(stream, config)
        return {"config": config}

    def _message(self, stream: Stream, sequence: int) -> dict[str, Any]:
        kept = stream.messages.get(sequence)
        if kept is None:
            raise Refusal(10037, "no message found")
        lines = ["NATS/1.0", *(f"{key}: {value}" for key, value in (kept.headers or {}).items()), "", ""]
        return {"message": {"seq": sequence, "hdrs": b64encode("\r\n".join(lines).encode()).decode()}}
