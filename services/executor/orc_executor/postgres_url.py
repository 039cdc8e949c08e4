"""
The URL of a Postgres database, as a secret holds it: postgresql://user:password@host:5432/database?sslmode=verify-full

Read strictly: what is not understood is refused, and nothing of it is said back, as any part may be of the password.
"""

from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from orc_domain.config import SecretRef
from orc_executor.errors import SecretUnusable
from orc_executor.secrets import Secrets
from orc_runtime.settings import Secret

SslMode = Literal["disable", "require", "verify-full"]
MODES: tuple[SslMode, ...] = ("disable", "require", "verify-full")
PORT = 5432


class PostgresUrl(Struct, frozen=True, kw_only=True):
    """Where a database is, and as whom to go there."""

    name: str
    """Of the secret: what the connection is called in messages."""
    host: str
    port: int
    database: str
    user: str
    password: Secret
    sslmode: SslMode | None
    """None asks for `verify-full`, but on this machine itself for nothing."""

    @property
    def place(self) -> str:
        """What to call it in a message."""
        return f"the database of the connection {self.name!r} ({self.host}:{self.port})"


def postgres_url(reference: SecretRef, secrets: Secrets) -> PostgresUrl:
    """Return what the secret says; raises SecretMissing, SecretUnusable."""
    name, text = reference.secret, secrets.resolve(reference).reveal()
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port or PORT
    except ValueError:
        raise _unusable(name, "it is no URL") from None
    if url.scheme not in {"postgresql", "postgres"}:
        raise _unusable(name, "its scheme is not postgresql")
    user, password, database = (
        unquote(part) for part in (url.username or "", url.password or "", url.path[1:])
    )
    if not (host and user and database) or "/" in url.path[1:] or "," in url.netloc or url.fragment:
        raise _unusable(name, "it does not name one user, host and database")
    if any("\0" in part for part in (host, user, password, database)):
        raise _unusable(name, "it holds a NUL")
    words = parse_qsl(url.query, keep_blank_values=True)
    if any(word != "sslmode" for word, _ in words) or len(words) > 1:
        raise _unusable(name, "it holds other parameters than one sslmode")
    mode = next((value for _, value in words), None)
    if mode is not None and mode not in MODES:
        raise _unusable(name, f"its sslmode is none of {', '.join(MODES)}")
    if password:
        secrets.keep(password)
    return PostgresUrl(
        name=name, host=host, port=port, database=database, user=user, password=Secret(password), sslmode=mode
    )


def _unusable(name: str, reason: str) -> SecretUnusable:
    return SecretUnusable(name, f"{reason}; it must be postgresql://user:password@host:5432/database")
