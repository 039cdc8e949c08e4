"""
Fetching: one answer of an API, patiently and within limits.

    ask      the token, the question, its redirects; what may pass is asked for again
    judge    response actions, then the status; then the body is read, unpacked and made UTF-8

Secrets stay with the origin they are for. No message holds more of a URL than its path, and nothing of a body.
"""

import asyncio
from urllib.parse import urlencode

import httpx
import msgspec

from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_auth import OAuth2Auth
from orc_executor.errors import SourceRefused, WrongShape
from orc_executor.extractors.api.answers import Answer, kind_of, place, read_text
from orc_executor.extractors.api.auth import Credentials, body_with_secrets, has_secrets, text_of
from orc_executor.extractors.api.connection import Connection
from orc_executor.extractors.api.held import Held, Hold
from orc_executor.extractors.api.link_header import parse_links
from orc_executor.extractors.api.patience import Passing, is_passing, patiently, retry_after
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.api.response_actions import ResponseActions
from orc_executor.extractors.api.tokens import Tokens
from orc_executor.extractors.api.validators import Validators
from orc_executor.state import NO_STATE, Learned, TaskState
from orc_executor.steps import REDIRECTS_MAX, check_step, nowhere, read_url
from orc_executor.underway import Underway

__all__ = ["Answer", "Fetcher", "place"]

ERROR_BODY_BYTES_MAX = 1024 * 1024
"""Of what a refusal says, where a response action looks into it."""
_NOT_MODIFIED, _UNAUTHORIZED, _REDIRECT, _CLIENT_FAULT = 304, 401, 300, 400
_KEEPS_METHOD = frozenset({307, 308})
_ACCEPT = {
    "auto": "application/json, application/x-ndjson;q=0.9, text/csv;q=0.8, */*;q=0.1",
    "json": "application/json",
    "jsonl": "application/x-ndjson, application/jsonl;q=0.9, */*;q=0.1",
    "csv": "text/csv, */*;q=0.1",
}
_CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


class Fetcher:
    """Asks one API."""

    def __init__(self, config: ApiExtract, underway: Underway, state: TaskState = NO_STATE) -> None:
        self._config, self._limits = config, underway.order.limits
        self._secrets = secrets = underway.reach.secrets
        self._who = Credentials(config, secrets)
        self.url = read_url(config.url, "extractor_config.url").copy_merge_params(
            {name: text_of(value, secrets) for name, value in config.params.items()}
        )
        self.first = Request(self.url, body_with_secrets(config.body, secrets))
        """The config's own question."""
        self._is_body_secret = has_secrets(config.body)
        self._connection = Connection(config, underway.reach.egress)
        self._tokens = None
        if isinstance(config.auth, OAuth2Auth):
            self._tokens = Tokens(config.auth, self._connection, config.retries, secrets)
        self._actions = ResponseActions(config.response_actions)
        self._validators = Validators(underway.order.extractor_config, state) if config.conditional else None
        self._held = Held(self._limits.page_bytes_max)
        # A request waits here rather than within its time.
        self._room = asyncio.Semaphore(config.concurrency)

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

    def learned(self) -> Learned:
        """Return the validators to ask with the next time, once the pages are fetched."""
        return Learned() if self._validators is None else self._validators.learned()

    async def ask(self, request: Request, method: str | None = None) -> Answer:
        """
        Return the answer; raises SourceUnavailable, SourceRefused, WrongShape, AddressRefused.

        `method` is asked by in place of the config's own.
        """
        how = method or self._config.method
        async with self._room:
            return await patiently(lambda: self._try(request, how), self._config.retries, place(request.url))

    async def _try(self, request: Request, method: str) -> Answer:
        if self._tokens is None:
            return await self._follow(request, method, None)
        token = await self._tokens.token()
        try:
            return await self._follow(request, method, token)
        except _TokenRefused:
            self._tokens.refuse(token)
        return await self._follow(request, method, await self._tokens.token(), is_last=True)

    async def _follow(
        self, request: Request, method: str, token: str | None, *, is_last: bool = False
    ) -> Answer:
        """Ask, and go where redirects lead; raises _TokenRefused on a 401 unless it is the last try."""
        url, before, content = request.url, None, self._content(request)
        for _ in range(REDIRECTS_MAX + 1):
            check_step(url, place(url), before)
            if content is not None and self._is_body_secret and not self._who.is_own(url):
                raise SourceRefused(
                    f"{place(url)}: led to another server, which the secrets in the body are not for"
                )
            headers = {"accept": _ACCEPT[self._config.answer_type], **self._who.headers_for(url)}
            if token is not None and self._who.is_own(url):
                headers["authorization"] = f"Bearer {token}"
            if content is not None:
                headers.setdefault("content-type", _CONTENT_TYPES[self._config.body_type])
            if self._validators is not None and request == self.first:
                headers |= self._validators.conditions
            asked = self._who.url_for(url)
            try:
                async with self._connection.answer(method, asked, headers, content) as response:
                    if response.has_redirect_location:
                        if response.status_code not in _KEEPS_METHOD:
                            method, content = "GET", None
                        before, url = url, url.join(response.headers["location"])
                        continue
                    if response.status_code == _UNAUTHORIZED and token is not None and not is_last:
                        raise _TokenRefused
                    with Hold(self._held, place(url)) as hold:
                        return await self._judge(response, url, hold)
            except httpx.InvalidURL as error:
                raise nowhere(place(url)) from error
        raise SourceRefused(f"{place(url)}: more than {REDIRECTS_MAX} redirects")

    async def _judge(self, response: httpx.Response, url: httpx.URL, hold: Hold) -> Answer:
        status, name = response.status_code, place(url)
        if status == _NOT_MODIFIED and self._validators is not None and self._validators.conditions:
            self._validators.keep()
            return Answer(b"", url, is_last=True)
        said = f"HTTP {status} {response.reason_phrase}".strip()
        is_fault = status >= _REDIRECT
        body = None
        if not is_fault or self._actions.look_inside(status):
            limit = ERROR_BODY_BYTES_MAX if is_fault else self._limits.page_bytes_max
            body = await self._connection.body(response, limit, name, hold.take)
        if (found := self._actions.first_for(status, body)) is not None:
            nth, action = found
            why = f"{said}, extractor_config.response_actions[{nth}]"
            match action.action:
                case "ignore":
                    return Answer(b"", url, is_last=True)
                case "fail":
                    raise SourceRefused(f"{name}: {why}")
                case "retry":
                    raise Passing(why, retry_after(response.headers.get("retry-after")))
        if is_passing(status):
            raise Passing(said, retry_after(response.headers.get("retry-after")))
        if status >= _CLIENT_FAULT:
            raise SourceRefused(f"{name}: {said}")
        if is_fault or body is None:
            raise SourceRefused(f"{name}: {said}, which leads nowhere")
        answer = self._answer(response, url, body)
        hold.keep(answer)
        return answer

    def _answer(self, response: httpx.Response, url: httpx.URL, body: bytes) -> Answer:
        content_type = response.headers.get("content-type", "")
        if self._validators is not None:
            self._validators.saw(response.headers)
        try:
            text = read_text(body, content_type)
        except WrongShape as error:
            raise WrongShape(f"{place(url)}: {error}") from error
        kind = kind_of(self._config.answer_type, content_type)
        return Answer(text, url, parse_links(response.headers.get("link", "")), kind)

    def _content(self, request: Request) -> bytes | None:
        if request.body is None:
            return None
        if self._config.body_type == "form":
            given = {
                name: text_of(value, self._secrets)
                for name, value in request.body.items()
                if value is not None
            }
            return urlencode(given).encode()
        return msgspec.json.encode(request.body)


class _TokenRefused(Exception):
    """The server does not take the token."""
