"""
A real nats-server from its wheel, with JetStream, on loopback, and a user per service.

What each user may say and hear stands in `orc_runtime/rights.toml`: a service that is taken over cannot speak for
another. What JetStream holds is only ever work and wake-ups; its folder can be deleted.
"""

import json
import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from orc.embedded.errors import NatsMissing
from orc.embedded.ports import LOOPBACK
from orc.embedded.program import Program
from orc_runtime.rights import NatsUser, rights

FILE_BYTES_MAX = 8 * 1024**3
MEMORY_BYTES_MAX = 64 * 1024**2
PAYLOAD_BYTES_MAX = 4 * 1024**2
"""A request body is at most 1 MiB; as a command and as an outcome it has an envelope around it."""
READY_SECONDS_MAX = 1.0

CONNECTIONS_MAX = 1_000
SUBSCRIPTIONS_MAX = 16_384
"""Of one connection; the gateway has one for each run that somebody watches."""
CONTROL_LINE_BYTES_MAX = 4_096
PENDING_BYTES_MAX = 64 * 1024**2
"""What is kept for one connection that reads slowly; past it the connection is ended."""
USERS = tuple(rights().nats)


class Nats:
    """A server that keeps its streams in `folder`, served on `port`, with a password for each user."""

    def __init__(
        self, folder: Path, *, port: int, passwords: Mapping[str, str], sync_always: bool = False
    ) -> None:
        """
        Nothing is started or written yet; `passwords` names all of `USERS`.

        With `sync_always` a message is on disk before it is acknowledged. It costs most of the publish rate and
        is not needed: what NATS loses, the log gives again.
        """
        self.folder = folder.resolve()
        self.port = port
        self._passwords = dict(passwords)
        self._sync_always = sync_always

    def url(self, user: str) -> str:
        """Where to connect to, password included."""
        return f"nats://{user}:{self._passwords[user]}@{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Write the configuration; it holds the passwords, so only we may read it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            listen = f"{LOOPBACK}:{self.port}"
            content = configured(self._passwords, listen=listen, store=str(self.folder))
            # The server reads this as its own format, which has no \u escapes.
            json.dump(content, file, indent=2, ensure_ascii=False)

    def program(self) -> Program:
        """How the server is run; the configuration must be written."""
        scripts = sysconfig.get_path("scripts")
        server = shutil.which(
            "nats-server", path=os.pathsep.join([scripts, str(Path(sys.executable).parent)])
        )
        if server is None:
            raise NatsMissing
        return Program(
            name="nats",
            argv=(server, "-c", str(self._configuration)),
            environment={"PATH": os.defpath, "HOME": str(self.folder)},
        )

    def is_ready(self, _pid: int) -> bool:
        """Say whether the server greets; it listens once JetStream has recovered its streams."""
        try:
            with socket.create_connection((LOOPBACK, self.port), READY_SECONDS_MAX) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False

    @property
    def _configuration(self) -> Path:
        return self.folder / "nats.conf"


def configured(passwords: Mapping[str, str], *, listen: str, store: str) -> dict[str, object]:
    """
    Return the configuration of a server with all of `USERS`; `passwords` names each of them.

    A server knows no limits per user, so they stand for each connection, or for all of them.
    """
    return {
        "server_name": "orc",
        "listen": listen,
        "max_payload": PAYLOAD_BYTES_MAX,
        "max_connections": CONNECTIONS_MAX,
        "max_subscriptions": SUBSCRIPTIONS_MAX,
        "max_control_line": CONTROL_LINE_BYTES_MAX,
        "max_pending": PENDING_BYTES_MAX,
        "jetstream": {
            "store_dir": store,
            "max_file_store": FILE_BYTES_MAX,
            "max_memory_store": MEMORY_BYTES_MAX,
        },
        "authorization": {
            "users": [
                {"user": name, "password": passwords[name], "permissions": _permissions(user)}
                for name, user in rights().nats.items()
            ]
        },
    }


def _permissions(user: NatsUser) -> dict[str, dict[str, tuple[str, ...]]]:
    # Whoever is allowed nothing has to be denied everything: an empty list would allow it.
    publish = {"allow": user.publish, "deny": user.publish_not} if user.publish else {"deny": (">",)}
    return {
        "publish": {side: subjects for side, subjects in publish.items() if subjects},
        "subscribe": {"allow": user.subscribe},
    }
