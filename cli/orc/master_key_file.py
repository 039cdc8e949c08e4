"""Files of master keys: made once, readable by their owner alone."""

import os
import secrets
from pathlib import Path

from orc.errors import KeyFileUnusable
from orc_runtime.master_keys import FILE_VARIABLE, master_key_lines, new_master_key, parse_master_keys
from orc_runtime.secret_files import read_secret_file
from orc_runtime.settings import SettingsError


def make_key_file(path: Path, key_id: str | None = None) -> str:
    """Make a file with one new key and return its id; raises KeyFileUnusable, also when there is one."""
    try:
        key = new_master_key(key_id or new_key_id())
        _write(path, master_key_lines([key]).reveal())
    except (OSError, SettingsError) as error:
        raise KeyFileUnusable(path, _reason(error)) from error
    return key.key_id


def add_key(path: Path, key_id: str | None = None) -> str:
    """Put a new key before those of a file, so that it seals from the next start on; raises KeyFileUnusable."""
    try:
        keys = parse_master_keys(FILE_VARIABLE, read_secret_file(FILE_VARIABLE, str(path)))
        key = new_master_key(key_id or new_key_id())
        lines = master_key_lines([key, *keys])
        parse_master_keys(FILE_VARIABLE, lines)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        _write(unfinished, lines.reveal())
        unfinished.replace(path)
    except (OSError, SettingsError) as error:
        raise KeyFileUnusable(path, _reason(error)) from error
    return key.key_id


def new_key_id() -> str:
    """Return an id that no other key has."""
    return f"k{secrets.token_hex(4)}"


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        # What is sealed by a key that is lost is lost.
        os.fsync(file.fileno())


def _reason(error: OSError | SettingsError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
