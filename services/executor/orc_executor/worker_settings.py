"""What a worker process reads from its environment; the executor gives it no more than this and the secrets."""

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct

from orc_runtime.settings import setting

_MEBIBYTE = 1024 * 1024


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
        tuple[str, ...],
        setting("Private addresses that may be reached: CIDR ranges, `loopback`, `private`."),
    ] = ()
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
    def scratch(self) -> Path:
        """Where attempts spool."""
        # A link that the setting names is as good as what it leads to; in the data folder anybody may have put one.
        return self.scratch_dir.resolve() if self.scratch_dir else self.data_dir / ".scratch"

    @property
    def threads(self) -> int:
        """The number of DuckDB threads, never 0."""
        return self.worker_threads or os.cpu_count() or 1
