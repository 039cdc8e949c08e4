"""A wire to Postgres that is cut at COMMIT: before the server hears it, or after it has answered and nobody hears that."""

import socket
import threading
from contextlib import suppress

COMMIT = b"COMMIT\0"


class CuttingProxy:
    """Passes on every connection; `cut` is before, after or never, `vanishes` refuses all that come after the cut."""

    def __init__(self, port, cut, *, vanishes=False):
        self._port, self._cut, self._vanishes = port, cut, vanishes
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._close(self._listener)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            deaf = threading.Event()
            threading.Thread(target=self._up, args=(client, server, deaf), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server, deaf), daemon=True).start()

    def _up(self, client, server, deaf):
        while data := self._read(client):
            if COMMIT in data and not self.cuts and self._cut != "never":
                self.cuts += 1
                if self._vanishes:
                    self._close(self._listener)
                deaf.set()
                if self._cut == "after":
                    server.sendall(data)
                    return
                break
            server.sendall(data)
        self._close(server)
        self._close(client)

    def _down(self, client, server, deaf):
        while data := self._read(server):
            if deaf.is_set():
                break
            client.sendall(data)
        self._close(client)
        self._close(server)

    def _read(self, end):
        try:
            return end.recv(65536)
        except OSError:
            return b""

    def _close(self, end):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
