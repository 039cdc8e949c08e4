"""What a worker process reads from its environment; the executor gives it no more than this and the secrets."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct

from orc_domain.egress import EgressPolicy, parse_egress
from orc_domain.egress_items import EgressItem, Port
from orc_runtime.settings import describe, setting

_MEBIBYTE = 1024 * 1024
_PLAIN = {
    "PATH",
    "HOME",
    "TMPDIR",
    "TZ",
    "LANG",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
}
_PLAIN_PREFIXES: tuple[str, ...] = ("LC_", "PYTHON")
_ONLINE = {
    "ORC_SECRETS_DIR",
    "ORC_EGRESS_ALLOW",
    "ORC_EGRESS_PORTS",
    "ORC_EGRESS_PUBLIC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
}
_ONLINE_PREFIXES = ("ORC_SECRET_",)


class WorkerSettings(Struct, frozen=True, kw_only=True):
    """One worker process; it takes one order at a time."""

    data_dir: Annotated[Path, setting("Where relative paths begin and DuckDB files are.")]
    file_roots: Annotated[
        tuple[Path, ...], setting("More folders that files may be read from.", separator=os.pathsep)
    ] = ()
    file_roots_except: Annotated[
        tuple[Path, ...],
        setting(
            "Folders in these that no job may read from; their data folder it may.", separator=os.pathsep
        ),
    ] = ()
    scratch_dir: Annotated[
        Path | None, setting("Where attempts spool; by default `.scratch` in the data folder.")
    ] = None
    secrets_dir: Annotated[
        Path | None, setting("A folder with a file per secret, beside ORC_SECRET_<NAME>.")
    ] = None
    egress_allow: Annotated[
        tuple[EgressItem, ...],
        setting("What may be reached besides public addresses: networks and hosts, see below."),
    ] = ()
    egress_ports: Annotated[
        tuple[Port, ...], setting("Ports of public addresses that may be reached besides 80 and 443.")
    ] = ()
    egress_public: Annotated[
        bool, setting("Whether public addresses may be reached; if not, only what ORC_EGRESS_ALLOW lists.")
    ] = True
    worker_sandbox: Annotated[
        Literal["auto", "required", "off"],
        setting(
            "How workers are kept from what no task needs: `auto` is all that the kernel has, `required` refuses to "
            "start without Landlock and seccomp, `off` is limits alone."
        ),
    ] = "auto"
    worker_read_dirs: Annotated[
        tuple[Path, ...],
        setting(
            "More folders that workers may read, for libraries of plugins; no job can name a file in them.",
            separator=os.pathsep,
        ),
    ] = ()
    worker_memory_bytes_max: Annotated[int, setting("Memory of one worker process.", ge=256 * _MEBIBYTE)] = (
        4096 * _MEBIBYTE
    )
    worker_threads: Annotated[int, setting("Threads of one worker's DuckDB; 0 is one per CPU.", ge=0)] = 0
    worker_scratch_bytes_max: Annotated[
        int, setting("Disk that one worker may use for what does not fit into memory.", ge=0)
    ] = 64 * 1024 * _MEBIBYTE

    worker_file_bytes_max: Annotated[
        int,
        setting("The longest file that a worker may write, a DuckDB file among them.", ge=1024 * _MEBIBYTE),
    ] = 1024 * 1024 * _MEBIBYTE

    @property
    def egress(self) -> EgressPolicy:
        """What may be connected to."""
        return parse_egress(self.egress_allow, self.egress_ports, public=self.egress_public)

    @property
    def scratch(self) -> Path:
        """Where attempts spool."""
        # A link that the setting names is as good as what it leads to; in the data folder anybody may have put one.
        return self.scratch_dir.resolve() if self.scratch_dir else self.data_dir / ".scratch"

    @property
    def threads(self) -> int:
        """The number of DuckDB threads, never 0."""
        return self.worker_threads or os.cpu_count() or 1


def worker_environment(environ: Mapping[str, str], *, offline: bool = False) -> dict[str, str]:
    """
    Return what a worker may know: its settings, the secrets, what an interpreter needs.

    No way to the database, and nothing that tells a library of a proxy, of credentials or of another resolver. One that
    is offline needs no secrets either.
    """
    known = {name for described in describe(WorkerSettings) for name in described.variables} | _PLAIN
    prefixes = _PLAIN_PREFIXES
    if offline:
        known -= _ONLINE
    else:
        prefixes += _ONLINE_PREFIXES
    return {name: value for name, value in environ.items() if name in known or name.startswith(prefixes)}


def forget_all_else() -> None:
    """Take out of this process's environment what a worker may not know, whoever started it."""
    for name in os.environ.keys() - worker_environment(os.environ):
        del os.environ[name]
