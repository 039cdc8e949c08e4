"""Tokens, kept per gateway in a file that only its owner can read; one is never sent to another gateway."""

import json
import os
from contextlib import suppress
from pathlib import Path


def token_file(home: Path) -> Path:
    """Return where tokens are kept: with the local stack when there is one, else in the user's configuration."""
    if (home / "run" / "env").exists():
        return home / "tokens.json"
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration) / "orc" / "tokens.json"


def find_token(home: Path, url: str) -> str | None:
    """Return the token for a gateway: the environment's, else the one kept."""
    return os.environ.get("ORC_TOKEN") or _read(token_file(home)).get(url)


def keep_token(home: Path, url: str, token: str | None) -> Path:
    """Keep a token, or forget it when there is none; returns the file."""
    path = token_file(home)
    tokens = {**_read(path), url: token}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(
        os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump({known: text for known, text in tokens.items() if text}, file)
    unfinished.replace(path)
    return path


def _read(path: Path) -> dict[str, str]:
    with suppress(FileNotFoundError, ValueError):
        return dict(json.loads(path.read_text(encoding="utf-8")))
    return {}
