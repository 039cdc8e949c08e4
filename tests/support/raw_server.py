"""A server that says what a test writes, byte by byte, whether that is HTTP or not."""

import socket
import threading
from contextlib import contextmanager


class RawServer:
    """`talk(connection)` gets each connection once its request has come."""

    def __init__(self, talk):
        self._talk, self._socket = talk, socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self.connections = 0

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection):
        # The worker hangs up in the middle: that is what the tests are about.
        try:
            with connection:
                connection.recv(65536)
                self._talk(connection)
        except OSError:
            pass


@contextmanager
def raw_server(talk):
    with RawServer(talk) as server:
        yield server
