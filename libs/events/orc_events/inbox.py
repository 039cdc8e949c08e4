"""
Inbox: replies to this process.

One wildcard subscription for the whole process and a future for each reply awaited, told apart by the last token
of the subject. A subscription per reply would cost two more messages and a race each time.

Its prefix names the user, `_INBOX_gateway`: the server lets each user hear under its own alone, and lets who answers
publish there and nowhere else.
"""

import asyncio
import re
from itertools import count
from secrets import token_hex
from urllib.parse import unquote, urlsplit
from uuid import UUID

from orc_events.connection import Received
from orc_events.errors import BusUnavailable

EXPECTED_MAX = 50_000
"""Replies awaited at once."""
ANYBODY = "_INBOX"
"""The prefix of a client that has no name."""
_NO_RESPONDERS = "503"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INBOX = re.compile(rf"{ANYBODY}(_{_NAME.pattern})?\.[^.]+\..+")


def inbox_prefix(url: str) -> str:
    """Return where the user of a NATS URL hears replies."""
    user = unquote(urlsplit(url).username or "")
    return f"{ANYBODY}_{user}" if _NAME.fullmatch(user) else ANYBODY


def is_inbox(subject: str) -> bool:
    """Say whether an answer may go there: else whoever asks could have us speak wherever we may and they may not."""
    return _INBOX.fullmatch(subject) is not None


class Inbox:
    """Where replies to this process arrive."""

    def __init__(self, prefix: str = ANYBODY) -> None:
        self._prefix = f"{prefix}.{token_hex(8)}"
        self._numbers = count(1)
        self._expected: dict[str, asyncio.Future[bytes]] = {}

    @property
    def subject(self) -> str:
        """The wildcard that catches every reply."""
        return f"{self._prefix}.*"

    def expect(self, about: UUID | str = "r") -> tuple[str, asyncio.Future[bytes]]:
        """
        Return a fresh reply subject and the future its first reply will resolve.

        `about` is for who watches the wire; two expectations about the same thing do not meet. Cancel the future
        (awaiting it under a timeout does) to stop expecting. Raises BusUnavailable when too many are open.
        """
        if len(self._expected) >= EXPECTED_MAX:
            raise BusUnavailable(f"{EXPECTED_MAX} replies are awaited already")
        token = f"{about}-{next(self._numbers)}"
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._expected.pop(token, None))
        self._expected[token] = future
        return f"{self._prefix}.{token}", future

    async def receive(self, message: Received) -> None:
        """Resolve the future that waits for this message, if one still does."""
        future = self._expected.get(message.subject.rpartition(".")[2])
        if future is None or future.done():
            return
        if not message.data and message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            future.set_exception(BusUnavailable("nobody serves this subject now"))
        else:
            future.set_result(message.data)
