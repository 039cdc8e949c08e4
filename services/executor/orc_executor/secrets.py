"""
Secrets: looked up by name at the moment they are used, and never said.

`github-token` is the variable ORC_SECRET_GITHUB_TOKEN, else the file `github-token` in ORC_SECRETS_DIR. What a task was
given is kept until the task ends, to be taken out of what is said of it: a server may send back what it was sent.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from orc_domain.config import SecretRef
from orc_executor.errors import CUT, SecretMissing
from orc_runtime.settings import Secret

SECRET_BYTES_MAX = 64 * 1024
REDACTED = "***"


class Secrets:
    """Where a worker finds secrets."""

    def __init__(self, environ: Mapping[str, str], folder: Path | None) -> None:
        self._environ, self._folder = environ, folder
        self._given: set[Secret] = set()

    def resolve(self, reference: SecretRef) -> Secret:
        """Return the secret; raises SecretMissing naming the places."""
        variable = f"ORC_SECRET_{reference.secret.upper().replace('-', '_')}"
        text = self._environ.get(variable) or self._from_file(reference.secret)
        if not text:
            file = self._folder / reference.secret if self._folder else "(ORC_SECRETS_DIR is not set)"
            raise SecretMissing(reference.secret, f"the variable {variable} and the file {file}")
        secret = Secret(text)
        self._given.add(secret)
        return secret

    def keep(self, derived: str) -> None:
        """Take out of what is said, too, what was made of a secret or given for one: a header, an access token."""
        self._given.add(Secret(derived))

    def redact(self, text: str) -> str:
        """Return the text without the secrets that were resolved since the last `forget`."""
        # The longest first: one secret may be the beginning of another.
        for secret in sorted((one.reveal() for one in self._given), key=len, reverse=True):
            text = re.sub("".join(map(_spellings, secret)), REDACTED, text, flags=re.IGNORECASE)
            if text.endswith(CUT):
                text = _without_beginning(text.removesuffix(CUT), secret) + CUT
        return text

    def forget(self) -> None:
        """Let go of what was given: the task is over."""
        self._given.clear()

    def _from_file(self, name: str) -> str:
        if self._folder is None:
            return ""
        try:
            with (self._folder / name).open("rb") as file:
                # Editors end a file with a newline; no secret that goes into a header can hold one.
                return file.read(SECRET_BYTES_MAX).decode("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return ""


@cache
def _spellings(character: str) -> str:
    """Return a pattern of how a URL, JSON or an error of Python may write a character; a host's case is lost, too."""
    percent = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    plain = r"\s+|\+" if character.isspace() else re.escape(character)
    return rf"(?:\\u{ord(character):04X}|\\?(?:{plain})|{percent})"


def _without_beginning(text: str, secret: str) -> str:
    """Return a text that was cut short without the beginning of a secret at its end."""
    for start in range(len(text)):
        place = start
        for character in secret:
            found = re.compile(_spellings(character), re.IGNORECASE).match(text, place)
            if found is None:
                break
            place = found.end()
            if place == len(text):
                return text[:start] + REDACTED
    return text
