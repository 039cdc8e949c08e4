"""A gateway that answers what a test wrote down, over real HTTP, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct


class Asked(Struct):
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Answer(Struct):
    """One answer to give."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = {}


class Scripted:
    """Answers by method and path, in their order; the last one is given again and again."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}

    def on(self, method: str, path: str, *answers: Any) -> None:
        """Say what to answer; a plain value is a 200 with that body."""
        self._answers[method, path] = [
            answer if isinstance(answer, Answer) else Answer(answer) for answer in answers
        ]

    def answer(self, asked: Asked) -> Answer:
        """Remember a request and return its answer."""
        self.asked.append(asked)
        answers = self._answers.get((asked.method, asked.path))
        if answers is None:
            return Answer({"detail": f"nothing at {asked.path}"}, status=404)
        return answers.pop(0) if len(answers) > 1 else answers[0]


def sse(*events: tuple[str | None, str, Any]) -> Answer:
    """Write a stream of (position or None, name, data)."""
    text = ": hello\n\n"
    for position, name, data in events:
        text += f"id: {position}\n" if position else ""
        text += f"event: {name}\ndata: {json.dumps(data)}\n\n"
    return Answer(text.encode(), headers={"Content-Type": "text/event-stream"})


@contextmanager
def scripted_gateway() -> Iterator[Scripted]:
    """Serve on loopback until the block ends."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            url = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            asked = Asked(self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers), body)
            answer = script.answer(asked)
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            data = b"" if answer.body is None else data
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
