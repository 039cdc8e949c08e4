"""Ports on loopback, kept from one start to the next as long as nobody else took them."""

import socket
import time

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.02


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Say whether we could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def becomes_free(port: int, host: str, seconds_max: float) -> bool:
    """Say whether we could listen there, waiting for whoever is about to let go of it."""
    deadline = time.monotonic() + seconds_max
    while not is_free(port, host):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def free_ports(count: int) -> list[int]:
    """Return as many different ports as asked for, all free at this moment."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
