"""A nats-server of one test, which can be stopped, erased and started again on the same port."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.servers import OpenNats, running

from orc.embedded.ports import free_ports


class RestartedNats:
    """Start, stop and erase it from the test's own thread: the server dies with the thread that started it."""

    def __init__(self, folder: Path) -> None:
        self._server = OpenNats(folder / "nats", port=free_ports(1)[0])
        self._log = folder / "nats.log"
        self._running = ExitStack()

    def url(self, user: str = "operator") -> str:
        return self._server.url(user)

    def start(self) -> None:
        self._running.enter_context(running(self._server, self._log))

    def stop(self) -> None:
        self._running.close()

    def erase(self) -> None:
        """Delete all that JetStream keeps; it must be stopped."""
        shutil.rmtree(self._server.folder / "jetstream")


@contextmanager
def restarted_nats(folder: Path) -> Iterator[RestartedNats]:
    server = RestartedNats(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
