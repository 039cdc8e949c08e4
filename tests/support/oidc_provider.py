"""A provider of our own making, over real HTTP, that lies as a test says; it takes PKCE seriously."""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

CLIENT, SECRET = "orc", "a client's secret, which is long enough"
KEY: RSAPrivateKey = generate_private_key(65537, 2048)
OTHER: RSAPrivateKey = generate_private_key(65537, 2048)


class Scripted:
    """What the provider does; change it as a test needs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.codes: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {"sub": "p-1", "preferred_username": "ann", "groups": ["data"]}
        self.userinfo: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(
            claims, KEY, "RS256", headers={"kid": "one"}
        )
        self.described: dict[str, Any] = {}
        self.padding = b""
        self.asked: list[str] = []

    def come_back(self, url: str) -> dict[str, str]:
        """Do what a browser and a person do there; returns the query that the browser is sent back with."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.url}

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
        } | self.described

    def tokens(self, form: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        begun = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        known = base64.b64encode(
            f"{CLIENT}:{SECRET.replace(' ', '+').replace(chr(39), '%27').replace(',', '%2C')}".encode()
        ).decode()
        if (
            begun is None
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != form["redirect_uri"]
            or authorization != f"Basic {known}"
        ):
            return 400, {"error": "invalid_grant"}
        now = datetime.now(UTC)
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "nonce": begun["nonce"],
            **self.claims,
        }
        return 200, {"id_token": self.sign(claims), "access_token": "for userinfo", "token_type": "Bearer"}


@contextmanager
def scripted_provider() -> Iterator[Scripted]:
    """Serve one on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            match self.path:
                case "/.well-known/openid-configuration":
                    self._answer(200, provider.description())
                case "/jwks":
                    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
                    self._answer(200, {"keys": [{"kty": "??"}, {**jwk, "kid": "one", "use": "sig"}]})
                case "/userinfo":
                    self._answer(200, provider.userinfo)
                case _:
                    self._answer(404, {})

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            data = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(data).items()}
            self._answer(*provider.tokens(form, self.headers.get("Authorization")))

        def _answer(self, status: int, body: Any) -> None:
            data = msgspec.json.encode(body) + provider.padding
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Scripted(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
