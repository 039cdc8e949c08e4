"""
Fetching: one answer of an API, patiently and within limits.

What may pass (the network, 408, 425, 429, 5xx) is tried again here a few times, waiting as long as the server asks
when that is not too long; after that the attempt fails and the run's own retries go on. Redirects are followed a few
times; secrets stay with the origin they are for. No message holds more of a URL than its path.
"""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from msgspec import Struct

from orc_domain.config import SecretRef
from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_auth import BearerAuth, HeaderAuth
from orc_executor.egress import NETWORK_ERRORS, JudgedTransport
from orc_executor.errors import SecretUnusable, SourceRefused, SourceUnavailable, WrongShape
from orc_executor.underway import Underway

IN_FLIGHT_MAX = 8
CONNECT_SECONDS_MAX, READ_SECONDS_MAX, ANSWER_SECONDS_MAX = 10.0, 60.0, 600.0
TRIES_MAX = 4
PAUSE_SECONDS_FIRST = 0.25
RETRY_AFTER_SECONDS_MAX = 20.0
"""A server that asks for more is left to the run's own retries."""
REDIRECTS_MAX = 5
_PASSING = frozenset({408, 425, 429})
_SERVER_FAULT, _CLIENT_FAULT, _REDIRECT = 500, 400, 300
_VISIBLE_FIRST, _VISIBLE_LAST = " ", "~"


class Answer(Struct, frozen=True):
    """What a server said."""

    body: bytes
    url: httpx.URL
    """After redirects."""
    next_link: str | None
    """From the `Link` header, rel=next."""


class _Passing(Exception):
    """It may go better the next time."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class Fetcher:
    """Asks one API."""

    def __init__(self, config: ApiExtract, underway: Underway) -> None:
        self._limits = underway.order.limits
        self.url = httpx.URL(config.url).copy_merge_params(
            {name: _param(value, underway) for name, value in config.params.items()}
        )
        self._own, self._secret = _headers(config, underway)
        self._client = httpx.AsyncClient(
            transport=JudgedTransport(underway.reach.egress, IN_FLIGHT_MAX),
            trust_env=False,
            timeout=httpx.Timeout(READ_SECONDS_MAX, connect=CONNECT_SECONDS_MAX, pool=None),
            headers={"accept": "application/json", "accept-encoding": "gzip", "user-agent": "orc-nats-ator"},
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def get(self, url: httpx.URL) -> Answer:
        """Return the answer; raises SourceUnavailable, SourceRefused, WrongShape, AddressRefused."""
        pause = PAUSE_SECONDS_FIRST
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    return await self._follow(url)
            except _Passing as passing:
                wait = pause if passing.wait_seconds is None else passing.wait_seconds
                if not tries_left or wait > RETRY_AFTER_SECONDS_MAX:
                    raise SourceUnavailable(f"{place(url)}: {passing}") from passing
            except TimeoutError as error:
                raise SourceUnavailable(
                    f"{place(url)}: the answer took longer than {ANSWER_SECONDS_MAX:g} s"
                ) from error
            await asyncio.sleep(wait)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    async def _follow(self, url: httpx.URL) -> Answer:
        for _ in range(REDIRECTS_MAX + 1):
            _check_url(url)
            request = self._client.build_request("GET", url, headers=self._headers_for(url))
            try:
                response = await self._client.send(request, stream=True)
                try:
                    if response.has_redirect_location:
                        url = url.join(response.headers["location"])
                        continue
                    return await self._read(response, url)
                finally:
                    await response.aclose()
            except NETWORK_ERRORS as error:
                raise _Passing(f"{type(error).__name__}: {error}") from error
            except (httpx.InvalidURL, httpx.DecodingError) as error:
                raise WrongShape(f"{place(url)}: {error}") from error
        raise SourceRefused(f"{place(url)}: more than {REDIRECTS_MAX} redirects")

    async def _read(self, response: httpx.Response, url: httpx.URL) -> Answer:
        status = response.status_code
        said = f"HTTP {status} {response.reason_phrase}".strip()
        if status in _PASSING or status >= _SERVER_FAULT:
            raise _Passing(said, _retry_after(response.headers.get("retry-after")))
        if status >= _CLIENT_FAULT:
            raise SourceRefused(f"{place(url)}: {said}")
        if status >= _REDIRECT:
            raise SourceRefused(f"{place(url)}: {said}, which leads nowhere")
        parts, size = list[bytes](), 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._limits.page_bytes_max:
                raise WrongShape(
                    f"{place(url)}: the answer is larger than {self._limits.page_bytes_max} bytes"
                )
            parts.append(part)
        return Answer(b"".join(parts), url, response.links.get("next", {}).get("url"))

    def _headers_for(self, url: httpx.URL) -> dict[str, str]:
        same = (url.scheme, url.host, url.port) == (self.url.scheme, self.url.host, self.url.port)
        return {**self._own, **self._secret} if same else self._own


def place(url: httpx.URL) -> str:
    """Return what a message may hold of a URL: a query may hold secrets."""
    return str(url.copy_with(query=None, fragment=None, username=None, password=None))


def _check_url(url: httpx.URL) -> None:
    if url.scheme not in {"http", "https"} or not url.host:
        raise SourceRefused(f"{place(url)}: led to a URL that is not http or https")
    if url.userinfo:
        raise SourceRefused(f"{place(url)}: led to a URL with a user or password in it")


def _param(value: "str | int | float | bool | SecretRef", underway: Underway) -> str:
    if isinstance(value, SecretRef):
        return underway.reach.secrets.resolve(value).reveal()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _headers(config: ApiExtract, underway: Underway) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers for any server, and those for the config's own."""
    own, secret = dict[str, str](), dict[str, str]()
    for name, value in config.headers.items():
        if isinstance(value, SecretRef):
            secret[name] = _visible(value, underway)
        else:
            own[name] = value
    match config.auth:
        case BearerAuth(token=token):
            secret["authorization"] = f"Bearer {_visible(token, underway)}"
        case HeaderAuth(name=name, value=value):
            secret[name] = _visible(value, underway)
    return own, secret


def _visible(reference: SecretRef, underway: Underway) -> str:
    """Return a secret that can stand in a header; said here, as the client's own complaint would quote it."""
    text = underway.reach.secrets.resolve(reference).reveal()
    if not all(_VISIBLE_FIRST <= character <= _VISIBLE_LAST for character in text):
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
    if at.tzinfo is None:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
