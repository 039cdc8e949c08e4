"""A message delivered by JetStream, and the four things that can be said about it."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

_PLAIN_TOKENS = 9
"""`$JS.ACK.<stream>.<consumer>.<deliveries>…`; the longer form has a domain and an account hash before the stream."""


class Delivery:
    """
    A message to be acknowledged once its effect is committed.

    None of its verbs raises: one that is lost means that the message comes again, and a redelivery is a no-op.
    """

    __slots__ = ("_respond", "data", "deliveries", "headers", "pending", "subject")

    def __init__(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str],
        counts: tuple[int, int],
        respond: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self.subject, self.data, self.headers = subject, data, headers
        self.deliveries, self.pending = counts
        """
        How often it was delivered, from 1, and how many messages that nobody was given yet it left behind.

        Hints only: attempts are counted in the log.
        """
        self._respond = respond

    async def ack(self) -> None:
        """Say that it is done; after the append commits, never before."""
        await self._respond(b"+ACK")

    async def nak(self, delay_seconds: float = 0.0) -> None:
        """Give it back, to be delivered again after the delay."""
        if delay_seconds > 0:
            delay = msgspec.json.encode({"delay": int(delay_seconds * 1_000_000_000)})
            await self._respond(b"-NAK " + delay)
        else:
            await self._respond(b"-NAK")

    async def in_progress(self) -> None:
        """Ask for another `ack_wait` of time."""
        await self._respond(b"+WPI")


def counts_of(reply: str) -> tuple[int, int]:
    """
    Return how often a message was delivered and how many wait behind it, by its ack subject.

    Raises ValueError for another subject.
    """
    tokens = reply.split(".")
    if len(tokens) < _PLAIN_TOKENS or tokens[:2] != ["$JS", "ACK"]:
        raise ValueError(f"not an ack subject: {reply}")
    place = 4 if len(tokens) == _PLAIN_TOKENS else 6
    return int(tokens[place]), int(tokens[place + 4])
