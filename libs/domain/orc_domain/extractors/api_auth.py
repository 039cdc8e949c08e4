"""How an API knows who asks; every secret is a reference."""

from typing import Annotated, Literal

from msgspec import Meta

from orc_domain.config import NonEmpty, SecretRef, Tagged

HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")]


class BearerAuth(Tagged, frozen=True, tag="bearer"):
    """`Authorization: Bearer <secret>`."""

    token: SecretRef


class BasicAuth(Tagged, frozen=True, tag="basic"):
    """`Authorization: Basic <username:password>`."""

    username: NonEmpty | SecretRef
    password: SecretRef


class HeaderAuth(Tagged, frozen=True, tag="header"):
    """A secret in a header of the user's choice."""

    name: HeaderName
    value: SecretRef


class ApiKeyAuth(Tagged, frozen=True, tag="api_key"):
    """A key in a header or a query parameter."""

    key: SecretRef
    name: HeaderName = "X-API-Key"
    location: Literal["header", "query"] = "header"


class OAuth2Auth(Tagged, frozen=True, tag="oauth2_client_credentials"):
    """A token of an OAuth 2 server (RFC 6749 §4.4), fetched when needed and again when it ends or is refused."""

    token_url: Annotated[str, Meta(min_length=1, max_length=8192)]
    client_id: NonEmpty | SecretRef
    client_secret: SecretRef
    scope: NonEmpty | None = None
    audience: NonEmpty | None = None
    send: Literal["header", "body"] = "header"
    """Where client id and secret go: HTTP Basic, or the form."""


Auth = BearerAuth | BasicAuth | HeaderAuth | ApiKeyAuth | OAuth2Auth
