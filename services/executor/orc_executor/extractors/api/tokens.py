"""
Tokens of an OAuth 2 server: fetched with the first question, again shortly before they end, and once when refused.

However many ask at once, one of them fetches and the others wait for it. No error quotes what the server said.
"""

import asyncio
import time
from typing import Any
from urllib.parse import urlencode

import msgspec

from orc_domain.extractors.api_answers import ApiRetries
from orc_domain.extractors.api_auth import OAuth2Auth
from orc_executor.errors import SourceRefused, WrongShape
from orc_executor.extractors.api.answers import place
from orc_executor.extractors.api.auth import basic, is_visible, plain
from orc_executor.extractors.api.connection import Connection
from orc_executor.extractors.api.patience import Passing, is_passing, patiently, retry_after
from orc_executor.secrets import Secrets
from orc_executor.steps import read_url

TOKEN_ANSWER_BYTES_MAX = 64 * 1024
REFRESH_SECONDS_BEFORE_MAX = 30.0
REFRESH_SHARE_BEFORE = 0.1
"""A token that lives for a minute is fetched again six seconds before it ends."""
_OK = 200


class Tokens:
    """The token of one client."""

    def __init__(
        self, auth: OAuth2Auth, connection: Connection, retries: ApiRetries, secrets: Secrets
    ) -> None:
        self._url, self._connection, self._retries, self._secrets = (
            read_url(auth.token_url, "extractor_config.auth.token_url"), connection, retries, secrets,
        )  # fmt: skip
        form = {"grant_type": "client_credentials"}
        if auth.scope is not None:
            form["scope"] = auth.scope
        if auth.audience is not None:
            form["audience"] = auth.audience
        self._headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        if auth.send == "header":
            self._headers["authorization"] = basic(auth.client_id, auth.client_secret, secrets, is_form=True)
        else:
            form["client_id"] = plain(auth.client_id, secrets)
            form["client_secret"] = secrets.resolve(auth.client_secret).reveal()
        self._form = urlencode(form).encode()
        self._token, self._until = "", 0.0
        self._fetching = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is still good; raises SourceRefused, SourceUnavailable, WrongShape."""
        if self._is_good():
            return self._token
        async with self._fetching:
            if not self._is_good():
                await patiently(self._fetch, self._retries, place(self._url))
        return self._token

    def refuse(self, token: str) -> None:
        """Take it that a token is not good any more, unless there is a newer one already."""
        if token == self._token:
            self._token = ""

    def _is_good(self) -> bool:
        return bool(self._token) and time.monotonic() < self._until

    async def _fetch(self) -> None:
        name = place(self._url)
        asked = time.monotonic()
        async with self._connection.answer("POST", self._url, self._headers, self._form) as response:
            status = response.status_code
            if is_passing(status):
                raise Passing(f"HTTP {status}", retry_after(response.headers.get("retry-after")))
            if status != _OK:
                raise SourceRefused(f"{name}: HTTP {status}: the server gives no token")
            body = await self._connection.body(response, TOKEN_ANSWER_BYTES_MAX, name)
        try:
            said: dict[str, Any] = msgspec.json.decode(body, type=dict)
        except (msgspec.MsgspecError, RecursionError):
            # Its text would quote what may be half a token.
            raise WrongShape(f"{name}: the answer is no JSON object with an access_token") from None
        token, lifetime = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str) or not token or not is_visible(token):
            raise WrongShape(f"{name}: the answer has no access_token that a header can hold")
        if str(said.get("token_type", "bearer")).lower() != "bearer":
            raise WrongShape(f"{name}: the token is not of the type Bearer")
        self._secrets.keep(token)
        self._token, self._until = token, asked + _good_seconds(lifetime)


def _good_seconds(lifetime: Any) -> float:
    """Return how long a token is used; what does not say when it ends is used until it is refused."""
    try:
        seconds = float(lifetime)
    except (TypeError, ValueError):
        return float("inf")
    return seconds - min(REFRESH_SECONDS_BEFORE_MAX, seconds * REFRESH_SHARE_BEFORE)
