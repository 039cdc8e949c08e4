"""
Secrets: looked up by name at the moment they are used, never kept and never said.

`github-token` is the variable ORC_SECRET_GITHUB_TOKEN, else the file `github-token` in ORC_SECRETS_DIR.
"""

from collections.abc import Mapping
from pathlib import Path

from orc_domain.extract import SecretRef
from orc_executor.errors import SecretMissing
from orc_runtime.settings import Secret

SECRET_BYTES_MAX = 64 * 1024


class Secrets:
    """Where a worker finds secrets."""

    def __init__(self, environ: Mapping[str, str], folder: Path | None) -> None:
        self._environ, self._folder = environ, folder

    def resolve(self, reference: SecretRef) -> Secret:
        """Return the secret; raises SecretMissing naming the places."""
        variable = f"ORC_SECRET_{reference.secret.upper().replace('-', '_')}"
        text = self._environ.get(variable) or self._from_file(reference.secret)
        if not text:
            file = self._folder / reference.secret if self._folder else "(ORC_SECRETS_DIR is not set)"
            raise SecretMissing(reference.secret, f"the variable {variable} and the file {file}")
        return Secret(text)

    def _from_file(self, name: str) -> str:
        if self._folder is None:
            return ""
        try:
            with (self._folder / name).open("rb") as file:
                # Editors end a file with a newline; no secret that goes into a header can hold one.
                return file.read(SECRET_BYTES_MAX).decode("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return ""
