"""
Hosts: which names a gateway that asks for no login answers to.

A page of any site may have its own name resolve to 127.0.0.1 and then speak to us as to itself, past all that CORS
forbids (DNS rebinding). What it cannot change is the `Host` its browser sends, so open on loopback we answer to names of
this machine alone. An address needs no name, and what sends no `Host` at all is no browser.
"""

from ipaddress import ip_address
from typing import Any

from orc_gateway.problems import Refusal
from orc_gateway.settings import GatewaySettings


def are_judged(settings: GatewaySettings) -> bool:
    """Whether the gateway is open to whoever reaches it, and reached on this machine alone."""
    return settings.mode == "optional" and _is_local(settings.host)


def check_host(scope: dict[str, Any], own: str) -> None:
    """Raise Refusal 421 for a request that was meant for another name."""
    for name, value in scope["headers"]:
        if name == b"host" and not _is_ours(value.decode("latin-1"), own):
            raise Refusal(
                421,
                "misdirected",
                "without login the gateway answers to localhost alone; with ORC_AUTH=required to any name",
            )


def _is_ours(host: str, own: str) -> bool:
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return name in {"", own.lower()} or _is_local(name) or _is_address(name)


def _is_local(name: str) -> bool:
    name = name.lower().rstrip(".")
    return (
        name == "localhost"
        or name.endswith(".localhost")
        or (_is_address(name) and ip_address(name).is_loopback)
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
