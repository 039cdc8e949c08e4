"""What the harness knows of processes and their environments."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orc.embedded.program import Program

if TYPE_CHECKING:
    from faults.machine import Machine

ENTRIES = Path(__file__).parent / "entries"
EXECUTOR = {
    "ORC_SLOTS": "2",
    "ORC_WORKER_THREADS": "1",
    "ORC_WORKER_MEMORY_BYTES_MAX": str(512 * 1024**2),
}
"""So that three of them share two cores."""


def service_program(machine: "Machine", name: str) -> Program:
    """Say how one service of a machine is run: its wires lead through its proxies."""
    service = name.rstrip("-0123456789")
    entry = (
        (str(ENTRIES / f"{service}.py"),)
        if service in {"scheduler", "executor"}
        else ("-m", f"orc_{service}")
    )
    urls = {
        "DATABASE": ("postgres", machine.role_url(f"orc_{service}")),
        "NATS": ("nats", machine.nats.url(service)),
    }
    port = "ORC_PORT" if service == "gateway" else f"ORC_{service.upper()}_HEALTH_PORT"
    environment = {
        **plain(),
        **{
            f"ORC_{kind}_URL": through(url, machine.proxies[name, server].port)
            for kind, (server, url) in urls.items()
        },
        port: str(machine.gateway_port) if service == "gateway" else "0",
        "ORC_HOME": str(machine.folder),
        "ORC_HOST": "127.0.0.1",
        "ORC_DATA_DIR": str(machine.data),
        "ORC_SECRETS_DIR": str(machine.secrets),
        "ORC_AUTH": "optional",
        "ORC_EGRESS_ALLOW": "loopback",
        "PYTHONUNBUFFERED": "1",
        "FAULTS_BREAKS": ",".join(machine.breaks),
        "FAULTS_POINTS": str(machine.points.folder),
        **(
            {**EXECUTOR, "ORC_EXECUTOR_NAME": name, **machine.executor_settings}
            if service == "executor"
            else {}
        ),
    }
    return Program(name=name, argv=(sys.executable, *entry), environment=environment)


def through(url: str, port: int) -> str:
    """Lead a URL through the proxy on a port."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()


def plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ORC_")}


def children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
    return found
