"""
Secrets: looked up by name at the moment they are used, and never said.

`github-token` is the variable ORC_SECRET_GITHUB_TOKEN, else the file `github-token` in ORC_SECRETS_DIR. What a task was
given is kept until the task ends, to be taken out of what is said of it: a server may send back what it was sent.
"""

from collections.abc import Mapping
from pathlib import Path

from orc_domain.extract import SecretRef
from orc_executor.errors import SecretMissing
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

    def redact(self, text: str) -> str:
        """Return the text without the secrets that were resolved since the last `forget`."""
        for secret in self._given:
            text = text.replace(secret.reveal(), REDACTED)
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
