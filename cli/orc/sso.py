"""
Logging in by the browser: a listener on this machine, the provider's page, a ticket, tokens (RFC 8252).

What comes to the listener is a ticket, good for a minute and only together with a secret that never left this process.
"""

import base64
import hashlib
import secrets
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from orc.errors import CommandError

WAIT_SECONDS_MAX = 300
SILENCE_SECONDS_MAX = 5
"""Browsers open connections that they may never use; the next one is looked at all the same."""
_PAGE = b"<!doctype html><meta charset=utf-8><title>orc</title><p>You are logged in; this page can be closed.</p>\n"


class NotLoggedIn(CommandError):
    """Nobody came back from the browser."""

    def __init__(self) -> None:
        super().__init__(f"nobody logged in within {WAIT_SECONDS_MAX} s")


def log_in_by_browser(gateway: str, show: Callable[[str], None]) -> tuple[str, str]:
    """Have a person log in by their browser; returns the ticket and what it is redeemed with. Raises NotLoggedIn."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with _Listener(("127.0.0.1", 0), _Handler) as listener:
        listener.timeout = WAIT_SECONDS_MAX
        query = urlencode({"port": listener.server_port, "challenge": challenge})
        url = f"{gateway}/auth/oidc/login?{query}"
        show(url)
        webbrowser.open(url)
        while listener.ticket is None and not listener.has_waited:
            listener.handle_request()
        if listener.ticket is None:
            raise NotLoggedIn
        return listener.ticket, verifier


class _Listener(HTTPServer):
    ticket: str | None = None
    has_waited = False

    def handle_timeout(self) -> None:
        self.has_waited = True


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = SILENCE_SECONDS_MAX

    def do_GET(self) -> None:
        found = parse_qs(urlsplit(self.path).query).get("ticket")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if found:
            self.server.ticket = found[0]
            self.wfile.write(_PAGE)

    def log_message(self, *_: object) -> None:
        """Write nothing: the path holds the ticket."""
