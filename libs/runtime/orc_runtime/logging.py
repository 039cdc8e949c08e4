"""
Logs: one line per fact on stderr, JSON in a cluster, readable on a terminal.

Everything a library writes through the standard library comes out in the same form. Whatever reaches a line, the
password in a URL is struck out of it as the last step, so no error text can carry one out.
"""

import json
import logging
import re
import sys
import traceback
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

_PASSWORD_IN_URL = re.compile(r"(://[^\s\"':/@]*):[^\s\"'/]*@")

QUIET = {
    "asyncio": logging.WARNING,
    # Its pool tells each second, with a traceback, that the server is still away; our own waiting says it once.
    "asyncpg": logging.ERROR,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "nats": logging.WARNING,
    "uvicorn": logging.WARNING,
}
"""Libraries whose everyday news is not ours, and from which level on they are heard."""


def configure(
    service: str, *, level: str = "info", as_json: bool | None = None, stream: TextIO | None = None
) -> None:
    """Send all logs of this process to `stream` (stderr), naming the service; JSON unless on a terminal."""
    stream = sys.stderr if stream is None else stream
    as_json = not stream.isatty() if as_json is None else as_json
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Any] = [ProcessorFormatter.remove_processors_meta]
    if as_json:
        renderers += [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    else:
        renderers += [
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=_plain_traceback)
        ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Scrubbed(foreign_pre_chain=shared, processors=renderers))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def scrub(text: str) -> str:
    """Strike the password out of every URL in `text`."""
    return _PASSWORD_IN_URL.sub(r"\1:***@", text)


class _Scrubbed(ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def _to_json(line: Any, **_options: Any) -> str:
    # What JSON has no form for appears as its repr: a Secret's is three stars.
    return json.dumps(line, default=repr, separators=(",", ":"), ensure_ascii=False)


def _plain_traceback(stream: TextIO, exc_info: Any) -> None:
    stream.write("\n" + "".join(traceback.format_exception(*exc_info)))
