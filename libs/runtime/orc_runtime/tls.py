"""
TLS to Postgres and NATS, by setting.

    Postgres   in its URL, as libpq has it: sslmode, sslrootcert, sslcert, sslkey …    asyncpg does the rest
    NATS       by a URL that begins with tls://, or by the files of ORC_NATS_CA_FILE, ORC_NATS_CERT_FILE, ORC_NATS_KEY_FILE

A server whose certificate is not of that CA, or not for the name in the URL, is refused, and so is one that speaks no
TLS. A file that is missing or is no certificate is a fault of the settings, told by its name.
"""

import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from orc_runtime.settings import ServiceSettings, SettingsError

POSTGRES_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
POSTGRES_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class TlsWrong(SettingsError):
    """A setting of TLS cannot be used."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__([f"{name}: {reason}"])


def check_tls(settings: ServiceSettings) -> None:
    """Raise TlsWrong when a service could not connect by its settings, whatever the servers say."""
    check_postgres(settings.database_url.reveal())
    nats_context(settings)


def check_postgres(url: str) -> None:
    """Raise TlsWrong when the URL's settings of TLS name no mode, or a file that cannot be used."""
    given = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    mode = given.get("sslmode", "prefer")
    if mode not in POSTGRES_MODES:
        raise TlsWrong("sslmode in a URL of Postgres", f"{mode!r} is none of {', '.join(POSTGRES_MODES)}")
    for name in POSTGRES_FILES:
        if path := given.get(name):
            _check_file(f"{name} in a URL of Postgres", path)
    if root := given.get("sslrootcert"):
        _trust("sslrootcert in a URL of Postgres", root)
    if (certificate := given.get("sslcert")) and not given.get("sslpassword"):
        _present(
            ssl.create_default_context(), "sslcert in a URL of Postgres", certificate, given.get("sslkey")
        )


def nats_context(settings: ServiceSettings) -> ssl.SSLContext | None:
    """Return what NATS is spoken to with, None for in clear; raises TlsWrong. Without a CA file the system's are trusted."""
    ca, certificate, key = settings.nats_ca_file, settings.nats_cert_file, settings.nats_key_file
    if key is not None and certificate is None:
        raise TlsWrong(
            "ORC_NATS_KEY_FILE", "set without ORC_NATS_CERT_FILE, the certificate that it belongs to"
        )
    if ca is None and certificate is None and not settings.nats_url.reveal().startswith("tls://"):
        return None
    context = ssl.create_default_context() if ca is None else _trust("ORC_NATS_CA_FILE", ca)
    if certificate is not None:
        _check_file("ORC_NATS_CERT_FILE", certificate)
        if key is not None:
            _check_file("ORC_NATS_KEY_FILE", key)
        _present(context, "ORC_NATS_CERT_FILE", certificate, key)
    return context


def _trust(name: str, path: str) -> ssl.SSLContext:
    _check_file(name, path)
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise TlsWrong(name, f"{path} holds no certificate that can be read ({error.reason})") from error


def _present(context: ssl.SSLContext, name: str, certificate: str, key: str | None) -> None:
    try:
        # Asked for a pass phrase, it would wait for somebody at a terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        raise TlsWrong(
            name, f"{certificate} and its key do not go together or cannot be read ({error.reason})"
        ) from error


def _check_file(name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise TlsWrong(name, f"{path} cannot be read: {error.strerror}") from error
