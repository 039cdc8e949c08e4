"""
Steps: where a URL may lead to, by a redirect or a link.

Where it leads is judged like the first URL, as an address, too (`egress`). From https nothing leads to http: what the
server sent us there with would be in the clear.
"""

import httpx

from orc_executor.errors import SourceRefused, WrongShape

REDIRECTS_MAX = 5
BAD_LOCATION = (httpx.RemoteProtocolError, httpx.InvalidURL)
"""What the client itself raises of a redirect to what is no URL: it reads that even where it is not to follow."""
_SCHEMES = ("http", "https")


def read_url(text: str, name: str) -> httpx.URL:
    """Return a URL as the client reads it, which is stricter than a config's form; raises WrongShape naming it `name`."""
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise WrongShape(f"{name}: is no URL that can be asked for") from error


def check_step(url: httpx.URL, name: str, before: httpx.URL | None = None) -> None:
    """Refuse a URL that `before` leads to, or that is the first; `name` is said of it. Raises SourceRefused."""
    if url.scheme not in _SCHEMES or not url.host:
        raise SourceRefused(f"{name}: led to a URL that is not http or https")
    if url.userinfo:
        raise SourceRefused(f"{name}: led to a URL with a user or password in it")
    if before is not None and (before.scheme, url.scheme) == ("https", "http"):
        raise SourceRefused(f"{name}: led from https to http, where everybody can read and change it")


def nowhere(name: str) -> SourceRefused:
    """Return the error about a redirect to what is no URL."""
    return SourceRefused(f"{name}: led to what is no URL that can be asked for")


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return what a secret is bound to: scheme, host and port."""
    return url.scheme, url.host, url.port
