"""A source that tells whatever it was told: in errors, headers, addresses, plain, for URLs and in base64."""

import base64
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote


class Canary:
    """A secret that can be found again however it is written down."""

    def __init__(self, name: str) -> None:
        self.core = secrets.token_hex(16)
        self.text = f"{name}/{self.core}+%"

    def spellings(self) -> list[bytes]:
        """Return what to look for: its middle as it is, and what base64 makes of that wherever it stands."""
        found = [self.core.encode()]
        for before, start in enumerate((0, 2, 3)):
            text = base64.b64encode(bytes(before) + self.core.encode())
            found.append(text[start : 8 * (before + len(self.core)) // 6])
        return found


class Telltale(BaseHTTPRequestHandler):
    """`/good` answers rows; every other path tells all."""

    def do_GET(self) -> None:
        self.server.seen.append(f"{self.path} {self.headers}")
        if self.path.startswith("/good"):
            self.say(200, [{"n": 1}], {})
            return
        said = [self.path, *(value for _, value in self.headers.items())]
        if self.headers.get("Authorization", "").startswith("Basic "):
            said.append(base64.b64decode(self.headers["Authorization"][6:]).decode())
        self.tell(said)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.seen.append(f"{self.path} {self.headers} {body}")
        if self.path.startswith("/token"):
            self.say(200, {"access_token": self.server.token, "token_type": "bearer"}, {})
            return
        self.tell([body, *(value for _, value in self.headers.items())])

    do_HEAD = do_GET  # noqa: N815 - as the base class calls it

    def tell(self, said: list[str]) -> None:
        plain = " ".join(said)
        spelled = [*said, *map(quote, said), *(base64.b64encode(one.encode()).decode() for one in said)]
        if "redirect" in self.path:
            self.say(302, spelled, {"Location": f"http://169.254.169.254/{quote(plain)}"})
        elif "host" in self.path:
            self.say(302, None, {"Location": f"http://{max(plain.split(), key=len)[:200]}.invalid/"})
        elif "rows" in self.path:
            row = {f"as {one}": one for one in spelled}
            self.say(200, [row, row], {})
        elif "cast" in self.path:
            self.say(200, [{"n": one} for one in spelled], {})
        elif "malformed" in self.path:
            self.say(200, None, {}, body=f"<html>{' '.join(spelled)}</html>".encode())
        else:
            self.say(403, {"error": spelled, "error_description": plain}, {"X-Echo": quote(plain)})

    def say(self, status: int, content: object, headers: dict[str, str], body: bytes | None = None) -> None:
        body = json.dumps(content).encode() if body is None else body
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def telltale(token: str) -> Iterator[ThreadingHTTPServer]:
    """Run one that gives `token` to whoever asks at /token; `seen` has what it was told."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Telltale)
    server.seen, server.token = [], token
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def found_in(folder: Path, wanted: dict[str, list[bytes]], but_for: set[Path]) -> list[str]:
    """Return `name in file` for everything that is found in the files of a folder, but for some of them."""
    hits = []
    # By descriptors: a worker's scratch folder lies deeper than a path can be long.
    for home, folders, names, descriptor in os.fwalk(folder):
        folders[:] = [name for name in folders if Path(home, name) not in but_for]
        for name in names:
            if Path(home, name) in but_for or not stat.S_ISREG(_mode(name, descriptor)):
                continue
            try:
                with open(name, "rb", opener=partial(os.open, dir_fd=descriptor)) as file:
                    data = file.read()
            except FileNotFoundError:
                continue
            hits += [
                f"{what} in {home[:200]}/{name}"
                for what, spellings in wanted.items()
                if any(spelling in data for spelling in spellings)
            ]
    return hits


def _mode(name: str, descriptor: int) -> int:
    try:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0
