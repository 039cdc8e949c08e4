"""
Security headers: what every answer tells a browser, whatever the answer is.

An answer that says more itself keeps its own word (the page at /schema needs its styles, the key set may be cached).
No answer ever has an `Access-Control-` header: no other site's page reads anything here.
"""

from collections.abc import Iterable

Raw = list[tuple[bytes, bytes]]

EVERYWHERE: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    # Answers are of a moment and of whoever asked; a cache between us and them is to keep neither.
    (b"cache-control", b"no-store"),
)
HSTS_SECONDS = 365 * 24 * 3600
HSTS = (b"strict-transport-security", f"max-age={HSTS_SECONDS}".encode())
"""Only where the client came by TLS: elsewhere it means nothing, and on loopback it would outlive us."""


def secured(headers: Iterable[tuple[bytes, bytes]], *, by_tls: bool) -> Raw:
    """Return the headers of an answer with those that are missing."""
    own = [(name.lower(), value) for name, value in headers]
    said = {name for name, _ in own}
    wanted = (*EVERYWHERE, HSTS) if by_tls else EVERYWHERE
    return own + [pair for pair in wanted if pair[0] not in said]
