"""What an executor reads from its environment; `worker_settings.py` has what its workers read there themselves."""

import os
import socket
from pathlib import Path
from typing import Annotated, ClassVar

from orc_runtime.master_keys import MasterKeySettings
from orc_runtime.settings import setting


class ExecutorSettings(MasterKeySettings, frozen=True, kw_only=True):
    """One executor process and the workers it keeps."""

    SERVICE: ClassVar[str] = "executor"

    health_port: Annotated[
        int,
        setting(
            "Port of /livez, /readyz and /metrics; 0 takes a free one.",
            env=("ORC_EXECUTOR_HEALTH_PORT",),
            ge=0,
            le=65535,
        ),
    ] = 8083
    executor_name: Annotated[
        str,
        setting("How the log calls this executor; by default host and process id.", max_length=200),
    ] = ""
    pool: Annotated[str, setting("Whose work it takes.", pattern=r"^[a-z0-9-]{1,32}$")] = "default"
    slots: Annotated[
        int, setting("Runs performed at once, a worker process each; 0 is one per CPU.", ge=0, le=256)
    ] = 0
    lease_seconds: Annotated[
        int, setting("How long a silent executor keeps its runs before they are given to another.", ge=10)
    ] = 30
    cancel_grace_seconds: Annotated[
        float, setting("How long a cancelled worker may take to stop before it is killed.", ge=0, le=3600)
    ] = 10.0
    drain_seconds: Annotated[
        float, setting("How long runs under way may still take once the process is told to stop.", ge=0, le=6)
    ] = 5.0
    tasks_per_worker_max: Annotated[int, setting("Tasks after which a worker process is replaced.", ge=1)] = (
        10_000
    )
    data_dir: Annotated[Path, setting("Where relative paths begin and DuckDB files are.")]
    """The workers' setting; here so that its absence is told with all other faults."""
    pool_inflight_max: Annotated[
        int, setting("Runs of one pool under way at once, over all its executors.", ge=1)
    ] = 256

    pool_concurrency_max: Annotated[
        int,
        setting(
            "Runs of the pool worked on at once, over all its executors, which must agree on it; 0 is any number.",
            ge=0,
            le=10_000,
        ),
    ] = 0

    @property
    def name(self) -> str:
        """The executor's name, never empty."""
        return self.executor_name or f"{socket.gethostname()}-{os.getpid()}"

    @property
    def slots_max(self) -> int:
        """The number of slots, never 0."""
        return self.slots or os.cpu_count() or 1
