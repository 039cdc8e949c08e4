# ruff: noqa: INP001, T201 - a script, which says on its output where it serves
"""
A paginated HTTP API of real records, for trying the `api` extractor without the internet.

    python examples/api_server.py [--port 8099]

Three ways in which APIs hand out pages, over the files of `data/`:

    /planes?page=1&per_page=500         page_number   {"data": [...], "total_pages": 7}
    /airports?limit=200&offset=0        offset        {"airports": [...], "total": 1458}
    /weather?cursor=...                 cursor        {"items": [...], "next_cursor": "..." or null}
    /airlines                           next_link     [...] and a Link header with rel="next"

Numbers are numbers and `NA` is null, as in a JSON API. Standard library alone.
"""

import argparse
import csv
import json
import signal
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

DATA = Path(__file__).parent / "data"
HOST, PORT = "127.0.0.1", 8099
PAGE_MAX = 5000
TEXTS = frozenset(
    {"carrier", "dst", "engine", "faa", "manufacturer", "model", "name", "origin", "tailnum", "time_hour"}
    | {"type", "tzone"}
)
"""Columns that hold text even where it looks like a number: an airport's code may be 1E4."""

Record = dict[str, str | int | float | None]
Page = tuple[object, str | None]
"""The body, and the path of the next page when a header has to tell it."""


def read_records(name: str) -> list[Record]:
    """Read a file of `data/` as records."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [
            {column: value_of(column, text) for column, text in row.items()} for row in csv.DictReader(file)
        ]


def value_of(column: str, text: str) -> str | int | float | None:
    """Turn a field into what JSON would hold."""
    if text in {"", "NA"}:
        return None
    if column in TEXTS:
        return text
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def by_page_number(records: list[Record], asked: dict[str, str]) -> Page:
    """Take `?page=&per_page=`, with the number of pages in the answer."""
    size = amount(asked, "per_page", 500)
    page = max(int(asked.get("page", "1")), 1)
    rows = records[(page - 1) * size : page * size]
    return {"data": rows, "page": page, "total_pages": -(-len(records) // size)}, None


def by_offset(records: list[Record], asked: dict[str, str]) -> Page:
    """Take `?offset=&limit=`, with the number of records in the answer."""
    size, start = amount(asked, "limit", 200), max(int(asked.get("offset", "0")), 0)
    return {"airports": records[start : start + size], "total": len(records)}, None


def by_cursor(records: list[Record], asked: dict[str, str]) -> Page:
    """Take an opaque `?cursor=`, give the next one in the answer until there is none."""
    size, start = amount(asked, "limit", 2000), 0
    if asked.get("cursor"):
        start = int(urlsafe_b64decode(asked["cursor"]))
    after = start + size
    cursor = urlsafe_b64encode(str(after).encode()).decode() if after < len(records) else None
    return {"items": records[start:after], "next_cursor": cursor}, None


def by_next_link(records: list[Record], asked: dict[str, str]) -> Page:
    """Give an array, and the next page's address in the `Link` header (RFC 8288)."""
    size, start = amount(asked, "limit", 5), max(int(asked.get("start", "0")), 0)
    after = start + size
    following = f"/airlines?{urlencode({'start': after, 'limit': size})}" if after < len(records) else None
    return records[start:after], following


def amount(asked: dict[str, str], name: str, default: int) -> int:
    """Return how many records a page has, within bounds."""
    return min(max(int(asked.get(name, str(default))), 1), PAGE_MAX)


ROUTES = {
    "/planes": ("planes", by_page_number),
    "/airports": ("airports", by_offset),
    "/weather": ("weather", by_cursor),
    "/airlines": ("airlines", by_next_link),
}


class Handler(BaseHTTPRequestHandler):
    """Answer one page."""

    protocol_version = "HTTP/1.1"
    records: dict[str, list[Record]]

    def do_GET(self) -> None:
        """Find the route and send its page as JSON."""
        url = urlsplit(self.path)
        if url.path not in ROUTES:
            self._send(404, {"error": f"there is {', '.join(ROUTES)}"})
            return
        name, paginate = ROUTES[url.path]
        try:
            body, following = paginate(self.records[name], dict(parse_qsl(url.query)))
        except ValueError as error:
            self._send(400, {"error": str(error)})
            return
        self._send(200, body, {"Link": f'<{following}>; rel="next"'} if following else {})

    def log_message(self, *_: object) -> None:
        """Say nothing: the demo has the screen."""

    def _send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one")
    arguments = parser.parse_args()
    Handler.records = {name: read_records(name) for name, _ in ROUTES.values()}
    server = ThreadingHTTPServer((HOST, arguments.port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"serving http://{HOST}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
