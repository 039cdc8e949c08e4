"""What the scheduler counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 900.0)


class SchedulerMetrics:
    """The scheduler's own figures, in the process's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commands = Counter(
            "orc_commands_total", "Commands by type and outcome.", ["type", "outcome"], registry=registry
        )
        self.command_seconds = Histogram(
            "orc_command_seconds", "From delivery to outcome.", buckets=_SECONDS, registry=registry
        )
        self.ticks = Counter("orc_ticks_total", "Due instants that became runs.", registry=registry)
        self.ticks_skipped = Counter(
            "orc_ticks_skipped_total",
            "Due instants that were let pass, by reason.",
            ["reason"],
            registry=registry,
        )
        self.tick_delay_seconds = Histogram(
            "orc_tick_delay_seconds",
            "From the due instant to its run's request.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.backfill_runs = Counter(
            "orc_backfill_runs_total", "Runs asked for by backfills.", registry=registry
        )
        self.rescued = Counter(
            "orc_rescued_total", "Runs driven on, by what was done.", ["what"], registry=registry
        )
        self.projector_position = Gauge(
            "orc_projector_position", "Last position folded into the calendar.", registry=registry
        )
        self.relay_position = Gauge(
            "orc_relay_position",
            "Last position published; 0 on a replica that does not relay.",
            registry=registry,
        )
