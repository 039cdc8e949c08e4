"""
Tokens, kept per gateway in a file that only its owner can read; one is never sent to another gateway.

An access token lives for minutes. Whoever finds it about to expire gets the next one with the refresh token, which is
good once: so only one command at a time does that, under a lock.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

EARLY_SECONDS = 30
"""So long before it expires a token is replaced: a request takes a moment, and clocks differ."""


class Tokens(Struct, frozen=True, kw_only=True):
    """What a login or a refresh answered."""

    token: str
    expires_at: datetime | None = None
    refresh_token: str | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the access token has expired, or will at any moment."""
        return self.expires_at is not None and self.expires_at < datetime.now(UTC) + timedelta(
            seconds=EARLY_SECONDS
        )


Refresh = Callable[[str], Tokens | None]
"""Given a refresh token, returns the next tokens; None when it is good no more."""


def token_file(home: Path) -> Path:
    """Return where tokens are kept: with the local stack when there is one, else in the user's configuration."""
    if (home / "run" / "env").exists():
        return home / "tokens.json"
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration) / "orc" / "tokens.json"


def find_token(home: Path, url: str, refresh: Refresh, *, refused: str | None = None) -> str | None:
    """
    Return what to send to a gateway: the environment's token or API key, else the one kept, refreshed if need be.

    A token that was `refused` is refreshed too: it may be void before its time, as after a lost signing key.
    """
    if given := os.environ.get("ORC_TOKEN"):
        return given
    path = token_file(home)
    kept = _read(path).get(url)
    if kept is None or not _is_over(kept, refused) or kept.refresh_token is None:
        return None if kept is None else kept.token
    with _locked(path):
        # Another command may have refreshed it meanwhile.
        kept = _read(path).get(url)
        if kept is not None and _is_over(kept, refused) and kept.refresh_token is not None:
            kept = refresh(kept.refresh_token)
            _write(path, url, kept)
    return None if kept is None else kept.token


def kept_tokens(home: Path, url: str) -> Tokens | None:
    """Return what is kept for a gateway."""
    return _read(token_file(home)).get(url)


def keep_tokens(home: Path, url: str, tokens: Tokens | None) -> Path:
    """Keep a gateway's tokens, or forget them when there are none; returns the file."""
    path = token_file(home)
    with _locked(path):
        _write(path, url, tokens)
    return path


def _is_over(tokens: Tokens, refused: str | None) -> bool:
    return tokens.is_stale or tokens.token == refused


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, url: str, tokens: Tokens | None) -> None:
    kept = {known: one for known, one in {**_read(path), url: tokens}.items() if one is not None}
    unfinished = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(kept))
    unfinished.replace(path)


def _read(path: Path) -> dict[str, Tokens]:
    with suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Tokens])
    return {}
