"""The oracle's own subscriber of ORC_EVENTS: drops what it has seen, and counts what it never sees."""

import nats
from nats.errors import TimeoutError as NothingCame

STREAM = "ORC_EVENTS"
SILENCE_SECONDS = 1.0


async def last_without_gap(url: str) -> int:
    """Follow the stream from its beginning and return up to which position of the log nothing was missing."""
    client = await nats.connect(url, allow_reconnect=False)
    last = 0
    try:
        subscription = await client.jetstream().subscribe(
            "orc.events.>", stream=STREAM, ordered_consumer=True
        )
        while True:
            try:
                message = await subscription.next_msg(timeout=SILENCE_SECONDS)
            except NothingCame:
                return last
            position = int(message.headers["ce-id"])
            if position > last + 1:
                return last
            last = max(last, position)
    finally:
        await client.close()
