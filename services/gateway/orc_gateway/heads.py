"""
Heads: what is judged of a request's line and headers before anything else looks at it.

    length of the target (414), number of headers (431), of query parameters (400), one Host (400)
    open without login: no page of another site changes anything (403)

A browser sends a page's POST here whether or not the page may read the answer, so where no token is asked for, CORS
alone protects nothing. What a page cannot change are `Sec-Fetch-Site` and `Origin`; what sends neither is no browser.
"""

from typing import Any
from urllib.parse import urlsplit

from orc_gateway.problems import Refusal

TARGET_BYTES_MAX = 8 * 1024
"""Of path and query together."""
HEADERS_MAX = 100
QUERY_PARAMETERS_MAX = 32
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


def check_head(scope: dict[str, Any]) -> None:
    """Raise Refusal for a head that is larger than any we need, or says two things at once."""
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if size > TARGET_BYTES_MAX:
        raise Refusal(414, "target-too-long", f"path and query are longer than {TARGET_BYTES_MAX} bytes")
    if len(scope["headers"]) > HEADERS_MAX:
        raise Refusal(431, "too-many-headers", f"there are more than {HEADERS_MAX} headers")
    if scope["query_string"].count(b"&") >= QUERY_PARAMETERS_MAX:
        raise Refusal(
            400, "too-many-parameters", f"there are more than {QUERY_PARAMETERS_MAX} query parameters"
        )
    if sum(name == b"host" for name, _ in scope["headers"]) > 1:
        raise Refusal(400, "two-hosts", "there is more than one Host header")


def check_site(scope: dict[str, Any]) -> None:
    """Raise Refusal 403 when a page of another site would change something."""
    if scope["method"] in SAFE:
        return
    headers = {bytes(name): bytes(value).decode("latin-1") for name, value in scope["headers"]}
    # Browsers say themselves whose page it is; those that do not yet still name where it comes from.
    site = headers.get(b"sec-fetch-site", "").strip().lower()
    origin = headers.get(b"origin")
    is_ours = (
        site in {"same-origin", "none"} if site else origin is None or _is_of(origin, headers.get(b"host"))
    )
    if not is_ours:
        raise Refusal(
            403,
            "cross-site",
            "a page of another site changes nothing here; with ORC_AUTH=required a token may",
        )


def _is_of(origin: str, host: str | None) -> bool:
    try:
        return host is not None and urlsplit(origin).netloc.lower() == host.strip().lower() != ""
    except ValueError:
        return False
