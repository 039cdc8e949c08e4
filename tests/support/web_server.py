"""A real HTTP server on loopback, answering what a test says."""

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Asked:
    """One request as the server saw it."""

    def __init__(self, handler):
        split = urlsplit(handler.path)
        self.path = split.path
        self.query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.method = handler.command
        self.body = handler.rfile.read(int(self.headers.get("content-length", 0)))


class WebServer:
    """`answer(asked)` returns the JSON of a 200, or (status, headers, body)."""

    def __init__(self, answer, certificate=None):
        self.asked = []
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                asked = Asked(self)
                with lock:
                    server.asked.append(asked)
                said = answer(asked)
                status, headers, body = said if isinstance(said, tuple) else (200, {}, said)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"content-length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET  # noqa: N815 - the names are the library's

            def log_message(self, *_):
                pass

        server = self
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def web_server(answer, certificate=None):
    """Serve until the block ends; with a certificate for `localhost`, over TLS."""
    with WebServer(answer, certificate) as server:
        yield server
