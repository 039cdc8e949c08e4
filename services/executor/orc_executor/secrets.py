"""
Secrets: looked up by name at the moment they are used, and never said.

    `github-token`    the variable ORC_SECRET_GITHUB_TOKEN, else the file `github-token` in ORC_SECRETS_DIR, else the store

What the store holds comes sealed with the order, and is opened here, by the master keys that this process was started
with. What a task was given is kept until the task ends, to be taken out of what is said of it: a server may send back
what it was sent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from orc_domain.config import SecretRef
from orc_executor.errors import SecretMissing, SecretUnreachable, SecretUnusable
from orc_executor.frames import NOTHING_STORED, SealedSecret, Stored
from orc_executor.redaction import Redaction
from orc_runtime.master_keys import COMMAND_VARIABLE, FILE_VARIABLE, MasterKey
from orc_runtime.settings import Secret

SECRET_BYTES_MAX = 64 * 1024


class Secrets:
    """Where a worker finds secrets."""

    def __init__(
        self, environ: Mapping[str, str], folder: Path | None, keys: Sequence[MasterKey] = ()
    ) -> None:
        self._environ, self._folder, self._keys = environ, folder, keys
        self._redaction = Redaction()
        self.stored: Stored = NOTHING_STORED
        """What came with the order at hand."""

    def resolve(self, reference: SecretRef) -> Secret:
        """Return the secret; raises SecretMissing naming the places, SecretUnreachable, SecretUnusable."""
        name = reference.secret
        variable = f"ORC_SECRET_{name.upper().replace('-', '_')}"
        text, fault = self._environ.get(variable, ""), ""
        if not text:
            text, fault = self._from_file(name)
        if not text:
            file = f"{self._folder / name}{fault}" if self._folder else "(ORC_SECRETS_DIR is not set)"
            text = self._from_store(name, f"the variable {variable}", f"the file {file}")
        self._redaction.add(text)
        return Secret(text)

    def keep(self, derived: str) -> None:
        """Take out of what is said, too, what was made of a secret or given for one: a header, an access token."""
        self._redaction.add(derived)

    def redact(self, text: str) -> str:
        """Return the text without the secrets that were resolved since the last `forget`."""
        return self._redaction.of(text)

    def forget(self) -> None:
        """Let go of what was given: the task is over."""
        self._redaction.clear()
        self.stored = NOTHING_STORED

    def _from_file(self, name: str) -> tuple[str, str]:
        """Return what it holds, and else why that cannot be told where there is one."""
        if self._folder is None:
            return "", ""
        try:
            with (self._folder / name).open("rb") as file:
                # Editors end a file with a newline; no secret that goes into a header can hold one.
                return file.read(SECRET_BYTES_MAX).decode("utf-8").rstrip("\r\n"), ""
        except FileNotFoundError:
            return "", ""
        except OSError as error:
            return "", f" (which the worker cannot read: {error.strerror})"
        except UnicodeDecodeError:
            return "", " (which is not UTF-8)"

    def _from_store(self, name: str, *places: str) -> str:
        trouble = self.stored.trouble
        if trouble is not None and self.stored.is_passing:
            raise SecretUnreachable(name, " or ".join(places), trouble)
        sealed = next((one for one in self.stored.secrets if one.name == name), None)
        if sealed is None:
            store = f"the secret store ({trouble or 'it has none of that name'})"
            raise SecretMissing(name, f"{', '.join(places)} and {store}")
        return self._opened(sealed)

    def _opened(self, sealed: SealedSecret) -> str:
        if not self._keys:
            reason = f"neither {FILE_VARIABLE} nor {COMMAND_VARIABLE} of the executor is set"
            raise SecretUnusable(sealed.name, f"it is in the secret store, but {reason}")
        # Most tasks need none of it.
        from orc_runtime.sealing import SECRET, CannotOpen, Label, Sealed, Sealing  # noqa: PLC0415

        try:
            value = Sealing(self._keys).open(
                Label(SECRET, sealed.name, sealed.version),
                Sealed(sealed.data, sealed.wrapped_key, sealed.master_key_id),
            )
        except CannotOpen as error:
            raise SecretUnusable(
                sealed.name, f"it is in the secret store, but cannot be opened: {error}"
            ) from error
        return value.decode()
