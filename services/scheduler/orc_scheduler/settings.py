"""What the scheduler reads from the environment."""

from typing import Annotated, ClassVar

from orc_runtime.settings import SideSettings, setting


class SchedulerSettings(SideSettings, frozen=True, kw_only=True):
    """The scheduler's settings."""

    SERVICE: ClassVar[str] = "scheduler"

    health_port: Annotated[
        int,
        setting(
            "Port of /livez, /readyz and /metrics; 0 takes a free one.",
            env=("ORC_SCHEDULER_HEALTH_PORT",),
            ge=0,
            le=65535,
        ),
    ] = 8082
    lease_seconds: Annotated[
        int, setting("How long a silent executor keeps its runs before they are given to another.", ge=10)
    ] = 30
    pool_inflight_max: Annotated[
        int, setting("Work messages of one pool that its executors may hold at once.", ge=1, le=100_000)
    ] = 256
    commands_max: Annotated[
        int,
        setting(
            "Commands handled at once by one process.",
            env=("ORC_SCHEDULER_COMMANDS_MAX",),
            ge=1,
            le=256,
        ),
    ] = 192
    connections_max: Annotated[
        int,
        setting("Connections to Postgres.", env=("ORC_SCHEDULER_CONNECTIONS_MAX",), ge=8, le=100),
    ] = 12
    nats_replicas: Annotated[int, setting("Copies of each JetStream stream; 1, 3 or 5.", ge=1, le=5)] = 1
