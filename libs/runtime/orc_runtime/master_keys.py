"""
Master keys: what the secret store and the signing keys are sealed with, from a file or from a command.

    ORC_MASTER_KEY_FILE       lines of `id:base64 of 32 bytes`; the first key seals, all of them open
    ORC_MASTER_KEY_COMMAND    prints such lines, as a key management service's client can; run once, without a shell

They are read once at a process's start and kept in memory alone.
"""

import asyncio
import base64
import binascii
import re
import secrets
import shlex
import subprocess
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

from msgspec import Struct

from orc_runtime.secret_files import read_secret_file
from orc_runtime.settings import Secret, SettingsError, SideSettings, setting

FILE_VARIABLE, COMMAND_VARIABLE = "ORC_MASTER_KEY_FILE", "ORC_MASTER_KEY_COMMAND"
KEY_BYTES = 32
KEYS_MAX = 16
COMMAND_SECONDS_MAX = 20.0
OUTPUT_BYTES_MAX = 4096
DISTINCT_BYTES_MIN = 12
"""Of 32 random bytes about 30 differ; fewer than 12 in less than one key of 10^20."""
ADVICE = "make one with: orc secrets key FILE"
_LINE = re.compile(r"(?P<id>[a-z0-9][a-z0-9-]{0,31}):(?P<key>\S+)")


class MasterKeySettings(SideSettings, frozen=True, kw_only=True):
    """Where they come from: of a service that seals or opens."""

    master_key_file: Annotated[
        str | None,
        setting(
            "The file of master keys for the secret store, `id:base64` a line, which not everybody may read; the first seals, all open.",
            env=(FILE_VARIABLE,),
        ),
    ] = None
    master_key_command: Annotated[
        str | None,
        setting(
            "A command that prints the same lines instead; run once, without a shell, within 20 s.",
            env=(COMMAND_VARIABLE,),
        ),
    ] = None


class MasterKey(Struct, frozen=True):
    """One key."""

    key_id: str
    secret: Secret
    """Base64 of its bytes."""

    @property
    def data(self) -> bytes:
        """The bytes."""
        return base64.b64decode(self.secret.reveal())


async def load_master_keys(settings: MasterKeySettings) -> tuple[MasterKey, ...]:
    """Do what `read_master_keys` does without holding the loop up while a command runs."""
    if settings.master_key_command is not None:
        return await asyncio.to_thread(read_master_keys, settings)
    return read_master_keys(settings)


def read_master_keys(settings: MasterKeySettings) -> tuple[MasterKey, ...]:
    """Return the keys, the one that seals first; none when neither setting is. Raises SettingsError."""
    file, command = settings.master_key_file, settings.master_key_command
    if file is not None and command is not None:
        raise SettingsError([f"{FILE_VARIABLE} and {COMMAND_VARIABLE} are both set: set one of them"])
    if file is not None:
        return parse_master_keys(FILE_VARIABLE, read_secret_file(FILE_VARIABLE, file))
    if command is not None:
        return parse_master_keys(COMMAND_VARIABLE, _run(command))
    return ()


def parse_master_keys(origin: str, text: Secret) -> tuple[MasterKey, ...]:
    """Read the lines; raises SettingsError naming `origin` and the line, never what stands there."""
    keys: list[MasterKey] = []
    for number, line in enumerate(text.reveal().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        place = f"{origin}: line {number}"
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SettingsError(
                [f"{place} is not `id:base64`, the id of a-z, 0-9 and hyphens, 32 characters at most"]
            )
        data = _decoded(match["key"])
        if data is None or len(data) != KEY_BYTES:
            raise SettingsError([f"{place} is not the base64 of {KEY_BYTES} bytes: {ADVICE}"])
        if _is_example(data):
            raise SettingsError([f"{place} is an example, or as easy to guess: {ADVICE}"])
        if any(match["id"] == key.key_id or data == key.data for key in keys):
            raise SettingsError([f"{place} has the id or the key of an earlier line"])
        keys.append(MasterKey(match["id"], Secret(match["key"])))
    if not 1 <= len(keys) <= KEYS_MAX:
        raise SettingsError([f"{origin} holds {len(keys)} keys: 1 to {KEYS_MAX} are valid; {ADVICE}"])
    return tuple(keys)


def master_key_lines(keys: Iterable[MasterKey]) -> Secret:
    """Write keys as they are read."""
    return Secret("".join(f"{key.key_id}:{key.secret.reveal()}\n" for key in keys))


def new_master_key(key_id: str) -> MasterKey:
    """Return a key that nobody has; raises SettingsError for an id that is none."""
    key = MasterKey(key_id, Secret(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()))
    return parse_master_keys("the new key", master_key_lines([key]))[0]


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _is_example(data: bytes) -> bool:
    steps = {(after - before) % 256 for before, after in pairwise(data)}
    is_text = all(0x20 <= byte < 0x7F for byte in data)  # noqa: PLR2004 - printable ASCII
    return len(set(data)) < DISTINCT_BYTES_MIN or len(steps) == 1 or is_text


def _run(command: str) -> Secret:
    """Return what a command prints; what it says of its own is not quoted, since it may hold the keys."""
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise SettingsError([f"{COMMAND_VARIABLE} cannot be read: {error}"]) from error
    if not argv:
        raise SettingsError([f"{COMMAND_VARIABLE} names no program"])
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
    except OSError as error:
        raise SettingsError([f"{COMMAND_VARIABLE}: {argv[0]} cannot be run: {error.strerror}"]) from error
    except subprocess.TimeoutExpired as error:
        raise SettingsError(
            [f"{COMMAND_VARIABLE}: {argv[0]} did not end within {COMMAND_SECONDS_MAX:g} s"]
        ) from error
    if done.returncode != 0:
        raise SettingsError([f"{COMMAND_VARIABLE}: {argv[0]} ended with exit status {done.returncode}"])
    if len(done.stdout) > OUTPUT_BYTES_MAX:
        raise SettingsError([f"{COMMAND_VARIABLE}: {argv[0]} printed more than {OUTPUT_BYTES_MAX} bytes"])
    try:
        return Secret(done.stdout.decode())
    except UnicodeDecodeError as error:
        raise SettingsError([f"{COMMAND_VARIABLE}: {argv[0]} printed what is no text"]) from error
