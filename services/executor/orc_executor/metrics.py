"""What an executor counts."""

from collections.abc import Callable

from msgspec import structs
from prometheus_client import CollectorRegistry, Counter, Gauge

from orc_executor.sandbox import Walls


class ExecutorMetrics:
    """The executor's own figures."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.claims = Counter(
            "orc_executor_claims", "Work messages, by what came of them.", ["result"], registry=registry
        )
        self.attempts = Counter(
            "orc_executor_attempts", "Attempts that ended, by how.", ["end"], registry=registry
        )

    def show(self, *, active: Callable[[], int], workers: Callable[[], int]) -> None:
        """Have these two asked whenever somebody reads the metrics."""
        for name, meaning, ask in (
            ("orc_executor_active_runs", "Runs claimed and not ended.", active),
            ("orc_executor_workers", "Worker processes.", workers),
        ):
            Gauge(name, meaning, registry=self._registry).set_function(ask)

    def show_walls(self, walls: Walls) -> None:
        """Say what of the sandbox workers have."""
        gauge = Gauge(
            "orc_executor_worker_walls",
            "1 where workers have this part of the sandbox, else 0.",
            ["wall"],
            registry=self._registry,
        )
        for wall, there in structs.asdict(walls).items():
            gauge.labels(wall).set(there)
