"""
Who asks: the headers and parameters that an API knows us by, for its own origin and no other.

Secrets are looked up before anything is asked, so that a missing one is said at once. What is made of them is kept
out of all that is said, like themselves.
"""

from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

import httpx

from orc_domain.config import SecretRef
from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_auth import ApiKeyAuth, BasicAuth, BearerAuth, HeaderAuth
from orc_domain.extractors.api_literals import Value, is_reference
from orc_executor.errors import SecretUnusable
from orc_executor.secrets import Secrets
from orc_executor.steps import origin, read_url

_VISIBLE_FIRST, _VISIBLE_LAST = " ", "~"
_COLON = ":"


class Credentials:
    """What a config's headers and auth say, tokens of an OAuth server left out."""

    def __init__(self, config: ApiExtract, secrets: Secrets) -> None:
        self._origin = origin(read_url(config.url, "extractor_config.url"))
        self.open: dict[str, str] = {}
        """Headers for any server."""
        self._headers: dict[str, str] = {}
        self._params: dict[str, str] = {}
        for name, value in config.headers.items():
            if isinstance(value, SecretRef):
                self._headers[name.lower()] = visible(value, secrets)
            else:
                self.open[name.lower()] = value
        match config.auth:
            case BearerAuth(token=token):
                self._headers["authorization"] = f"Bearer {visible(token, secrets)}"
            case BasicAuth(username=username, password=password):
                self._headers["authorization"] = basic(username, password, secrets)
            case HeaderAuth(name=name, value=value):
                self._headers[name.lower()] = visible(value, secrets)
            case ApiKeyAuth(key=key, name=name, location="header"):
                self._headers[name.lower()] = visible(key, secrets)
            case ApiKeyAuth(key=key, name=name):
                self._params[name] = secrets.resolve(key).reveal()

    def is_own(self, url: httpx.URL) -> bool:
        """Whether the secrets are for this server."""
        return origin(url) == self._origin

    def headers_for(self, url: httpx.URL) -> dict[str, str]:
        """Return the headers to send."""
        return {**self.open, **self._headers} if self.is_own(url) else self.open

    def url_for(self, url: httpx.URL) -> httpx.URL:
        """Return the URL to ask, with the key that belongs into its query."""
        return url.copy_merge_params(self._params) if self._params and self.is_own(url) else url


def visible(reference: SecretRef, secrets: Secrets) -> str:
    """Return a secret that can stand in a header; said here, as the client's own complaint would quote it."""
    text = secrets.resolve(reference).reveal()
    if not is_visible(text):
        raise SecretUnusable(reference.secret, "it holds characters that a header cannot")
    return text


def is_visible(text: str) -> bool:
    """Whether a text can stand in a header."""
    return all(_VISIBLE_FIRST <= character <= _VISIBLE_LAST for character in text)


def basic(username: str | SecretRef, password: SecretRef, secrets: Secrets, *, is_form: bool = False) -> str:
    """Return the header's value (RFC 7617); an OAuth server takes both encoded as in a form (RFC 6749 §2.3.1)."""
    name = plain(username, secrets)
    secret = secrets.resolve(password).reveal()
    if is_form:
        name, secret = quote_plus(name), quote_plus(secret)
    elif _COLON in name:
        assert isinstance(username, SecretRef), "a user name that is written in the config was judged with it"
        raise SecretUnusable(username.secret, "a user name holds no colon (RFC 7617)")
    encoded = b64encode(f"{name}:{secret}".encode()).decode()
    secrets.keep(encoded)
    return f"Basic {encoded}"


def plain(value: str | SecretRef, secrets: Secrets) -> str:
    """Return a text that may be a secret."""
    return secrets.resolve(value).reveal() if isinstance(value, SecretRef) else value


def text_of(value: Value, secrets: Secrets) -> str:
    """Return a parameter as it is sent."""
    if isinstance(value, SecretRef):
        return secrets.resolve(value).reveal()
    return str(value).lower() if isinstance(value, bool) else str(value)


def body_with_secrets(body: Any, secrets: Secrets) -> Any:
    """Return a config's body with its secrets in place."""
    if is_reference(body):
        return secrets.resolve(SecretRef(body["secret"])).reveal()
    if isinstance(body, dict):
        return {name: body_with_secrets(value, secrets) for name, value in body.items()}
    if isinstance(body, list):
        return [body_with_secrets(value, secrets) for value in body]
    return body


def has_secrets(body: Any) -> bool:
    """Whether a config's body refers to a secret."""
    if isinstance(body, dict):
        return is_reference(body) or any(has_secrets(value) for value in body.values())
    return isinstance(body, list) and any(has_secrets(value) for value in body)
