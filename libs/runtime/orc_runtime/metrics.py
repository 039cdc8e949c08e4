"""Metrics: one Prometheus registry per process, made at its start and passed to whoever counts."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Info, generate_latest
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def create_registry(service: str) -> CollectorRegistry:
    """Return a registry that knows the process (memory, CPU, open files) and which build of which service it is."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    Info("orc_build", "The service and its version.", registry=registry).info(
        {"service": service, "version": version("orc-nats-ator")}
    )
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """Return the registry's state in Prometheus' text format."""
    return generate_latest(registry)
