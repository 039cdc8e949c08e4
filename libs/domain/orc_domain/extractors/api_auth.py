"""How an API knows who asks; every secret is a reference."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from orc_domain.config import NonEmpty, SecretRef, Tagged
from orc_domain.extractors.api_literals import FRAMING_HEADERS, Value, check_text
from orc_domain.extractors.api_url import check_url
from orc_domain.rejection import Invalid

HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")]


class BearerAuth(Tagged, frozen=True, tag="bearer"):
    """`Authorization: Bearer <secret>`."""

    token: SecretRef
    """The secret with the token."""


class BasicAuth(Tagged, frozen=True, tag="basic"):
    """`Authorization: Basic <username:password>`."""

    username: NonEmpty | SecretRef
    """In clear, or a secret."""
    password: SecretRef
    """The secret with the password."""


class HeaderAuth(Tagged, frozen=True, tag="header"):
    """A secret in a header of the user's choice."""

    name: HeaderName
    """The header."""
    value: SecretRef
    """The secret with its whole value."""


class ApiKeyAuth(Tagged, frozen=True, tag="api_key"):
    """A key in a header or a query parameter."""

    key: SecretRef
    """The secret with the key."""
    name: HeaderName = "X-API-Key"
    """Of the header or the query parameter."""
    location: Literal["header", "query"] = "header"
    """Where the key goes."""


class OAuth2Auth(Tagged, frozen=True, tag="oauth2_client_credentials"):
    """A token of an OAuth 2 server (RFC 6749 §4.4), fetched when needed and again when it ends or is refused."""

    token_url: Annotated[str, Meta(min_length=1, max_length=8192)]
    """Where tokens are had."""
    client_id: NonEmpty | SecretRef
    """In clear, or a secret."""
    client_secret: SecretRef
    """The secret with the client's secret."""
    scope: NonEmpty | None = None
    """What is asked for, by blanks apart."""
    audience: NonEmpty | None = None
    """Whom the token is for, where the server asks."""
    send: Literal["header", "body"] = "header"
    """Where client id and secret go: HTTP Basic, or the form."""


Auth = BearerAuth | BasicAuth | HeaderAuth | ApiKeyAuth | OAuth2Auth


def check_auth(
    auth: Auth, headers: Mapping[str, str | SecretRef], params: Mapping[str, Value], field: str
) -> None:
    """Judge the auth beside the headers and parameters of the same request; raises Invalid."""
    place = f"{field}.auth"
    match auth:
        case HeaderAuth() | ApiKeyAuth(location="header"):
            _check_alone(auth.name, headers, f"{place}.name")
            if auth.name.lower() in FRAMING_HEADERS:
                raise Invalid(
                    f"{place}.name", "this header is set by the client itself", valid="another header"
                )
        case ApiKeyAuth():
            if auth.name in params:
                raise Invalid(f"{place}.name", "the parameter stands in params, too", valid="one of the two")
        case BearerAuth():
            _check_alone("Authorization", headers, place)
        case BasicAuth():
            _check_alone("Authorization", headers, place)
            check_text(auth.username, f"{place}.username")
            if isinstance(auth.username, str) and ":" in auth.username:
                raise Invalid(
                    f"{place}.username", "a user name holds no colon (RFC 7617)", valid="the part before it"
                )
        case OAuth2Auth():
            _check_alone("Authorization", headers, place)
            check_url(auth.token_url, f"{place}.token_url")
            for name in ("client_id", "scope", "audience"):
                check_text(getattr(auth, name) or "", f"{place}.{name}")


def _check_alone(name: str, headers: Mapping[str, str | SecretRef], place: str) -> None:
    if name.lower() in {header.lower() for header in headers}:
        raise Invalid(place, f"the header {name} stands in headers, too", valid="one of the two")
