"""
Files of a web server, over judged connections.

A secret goes to the host that the path names and to no other, whatever it redirects to. Bytes are taken as they are
stored: no compression is asked for. No message holds more of a URL than its path.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from orc_domain.config import SecretRef
from orc_domain.egress import EgressPolicy
from orc_domain.extractors.storage import Place, Storage
from orc_executor.egress import NETWORK_ERRORS, JudgedTransport
from orc_executor.errors import SecretUnusable, SourceMissing, SourceRefused, WrongShape
from orc_executor.extractors.files.remote import Opened, Passing, Remote, mark_of
from orc_executor.secrets import Secrets
from orc_executor.steps import BAD_LOCATION, REDIRECTS_MAX, check_step, nowhere, origin, read_url

CONNECT_SECONDS_MAX, READ_SECONDS_MAX = 10.0, 60.0
_CHUNK_BYTES = 256 * 1024
_PASSING = frozenset({408, 425, 429})
_ABSENT = frozenset({404, 410})
_SERVER_FAULT, _CLIENT_FAULT, _REDIRECT, _OK = 500, 400, 300, 200
_PACKED = (".gz", ".zst")


class WebFiles:
    """Asks web servers for files, one URL a file."""

    def __init__(
        self, storage: Storage, secrets: Secrets, egress: EgressPolicy, connections_max: int
    ) -> None:
        self._plain = {name: value for name, value in storage.headers.items() if isinstance(value, str)}
        self._secret = {
            name: _visible(value, secrets)
            for name, value in storage.headers.items()
            if isinstance(value, SecretRef)
        }
        self._client = httpx.AsyncClient(
            transport=JudgedTransport(egress, connections_max),
            trust_env=False,
            timeout=httpx.Timeout(READ_SECONDS_MAX, connect=CONNECT_SECONDS_MAX, pool=None),
            headers={"accept": "*/*", "accept-encoding": "identity", "user-agent": "orc-nats-ator"},
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def locate(self, place: Place, files_max: int) -> list[Remote]:
        """Return the file: there is no list to look in; raises WrongShape."""
        del files_max
        return [Remote(place, shown(read_url(place.url, place.url.partition("?")[0])))]

    @asynccontextmanager
    async def opened(self, remote: Remote) -> AsyncIterator[Opened]:
        """Ask for a file; raises TaskError, and Passing for what may go better the next time."""
        try:
            response = await self._follow(remote)
            try:
                yield self._judged(response, remote.name)
            finally:
                await response.aclose()
        except NETWORK_ERRORS as error:
            raise Passing(f"{type(error).__name__}: {error}") from error
        except httpx.DecodingError as error:
            raise WrongShape(f"{remote.name}: its Content-Encoding cannot be read") from error

    async def _follow(self, remote: Remote) -> httpx.Response:
        named = url = read_url(remote.place.url, remote.name)
        before = None
        for _ in range(REDIRECTS_MAX + 1):
            check_step(url, remote.name, before)
            headers = {**self._plain, **self._secret} if origin(url) == origin(named) else self._plain
            request = self._client.build_request("GET", url, headers=headers)
            try:
                response = await self._client.send(request, stream=True)
            except BAD_LOCATION as error:
                raise nowhere(remote.name) from error
            if not response.has_redirect_location:
                return response
            await response.aclose()
            try:
                before, url = url, url.join(response.headers["location"])
            except httpx.InvalidURL as error:
                raise nowhere(remote.name) from error
        raise SourceRefused(f"{remote.name}: more than {REDIRECTS_MAX} redirects")

    def _judged(self, response: httpx.Response, name: str) -> Opened:
        status = response.status_code
        said = f"HTTP {status} {response.reason_phrase}".strip()
        if status in _PASSING or status >= _SERVER_FAULT:
            raise Passing(said, _retry_after(response.headers.get("retry-after")))
        if status in _ABSENT:
            raise SourceMissing(f"{name}: {said}")
        if status != _OK:
            raise SourceRefused(f"{name}: {said}")
        length = response.headers.get("content-length", "")
        size = int(length) if length.isdigit() else None
        # Some servers call a file that is stored compressed an encoding of a plain one.
        is_stored = "content-encoding" not in response.headers or name.lower().endswith(_PACKED)
        chunks = response.aiter_raw(_CHUNK_BYTES) if is_stored else response.aiter_bytes(_CHUNK_BYTES)
        mark = mark_of(response.headers.get("etag"), size, response.headers.get("last-modified"))
        return Opened(mark, size if is_stored else None, chunks)


def shown(url: httpx.URL) -> str:
    """Return what a message may hold of a URL: a query may hold secrets."""
    return str(url.copy_with(query=None, fragment=None, username=None, password=None))


def _visible(reference: SecretRef, secrets: Secrets) -> str:
    """Return a secret that can stand in a header; said here, as the client's own complaint would quote it."""
    text = secrets.resolve(reference).reveal()
    if not (text.isascii() and text.isprintable()):
        raise SecretUnusable(reference.secret, "it holds characters that a header cannot")
    return text


def _retry_after(text: str | None) -> float | None:
    """Return the seconds a `Retry-After` asks for, None when it says nothing one can read."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else max(0.0, (at - datetime.now(UTC)).total_seconds())
