"""What the kernel says of processes: their children, rights, mounts and sockets."""

import re
from pathlib import Path

from msgspec import Struct

ESTABLISHED, SYN_SENT, LISTEN = "01", "02", "0A"


class Socket(Struct, frozen=True):
    """One TCP or UDP socket of a process."""

    protocol: str
    state: str
    """As /proc/net/tcp writes it."""
    local_port: int
    peer_port: int


def family(pid: int) -> list[int]:
    """Return a process and all that it started, and they."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def status(pid: int) -> dict[str, str]:
    """Return /proc/<pid>/status by its words."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def writable_mounts(pid: int) -> set[str]:
    """Return where a process finds something mounted that may be written; proc and single devices are not looked at."""
    found = set()
    for line in Path(f"/proc/{pid}/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if (
            "ro" not in options.split(",")
            and kind not in {"proc", "devtmpfs"}
            and not place.startswith("/proc/")
        ):
            found.add(place)
    return found


def sockets(pid: int) -> set[Socket]:
    """Return the sockets that a process holds open in its network."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held |= set(re.findall(r"^socket:\[(\d+)\]$", str(descriptor.readlink())))
        except FileNotFoundError:
            continue
    found = set()
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
            _, local, peer, state, *rest = line.split()
            if rest[5] in held:
                found.add(Socket(protocol, state, _port(local), _port(peer)))
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
