"""Logs are one JSON line per fact, and no password gets into one."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from orc_runtime.logging import configure, scrub
from orc_runtime.settings import Secret


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("sample", as_json=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_one_line_per_fact(lines):
    """A line names the service, the level, the fact and its figures; anything without JSON form is its repr."""
    structlog.get_logger().info("moved", rows=3, secret=Secret("hush"))

    [line] = read(lines)
    assert line.pop("timestamp")
    assert line == {
        "event": "moved",
        "rows": 3,
        "secret": "Secret(***)",
        "level": "info",
        "service": "sample",
    }


def test_library_lines(lines):
    """What a library logs comes out in the same form."""
    logging.getLogger("some.library").warning("slow by %d s", 3)

    [line] = read(lines)
    assert (line["event"], line["level"], line["service"]) == ("slow by 3 s", "warning", "sample")


def test_level(lines):
    """Lines below the level are not written."""
    structlog.get_logger().debug("detail")

    assert read(lines) == []


def test_no_password_in_a_traceback(lines):
    """A URL inside an exception loses its password on the way out."""
    try:
        int("postgresql://orc_auth:hush@db/orc")
    except ValueError:
        structlog.get_logger().exception("failed")

    assert "hush" not in lines.getvalue()
    assert "postgresql://orc_auth:***@db/orc" in lines.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nats://u:p@h:4222", "nats://u:***@h:4222"),
        ("postgresql://u:p%40@h/d?x=1 and nats://:t@h", "postgresql://u:***@h/d?x=1 and nats://:***@h"),
        ("postgresql://u:p@ss@h/d", "postgresql://u:***@h/d"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ('"nats://h:4222","mail":"a@b"', '"nats://h:4222","mail":"a@b"'),
        ("no url: a@b", "no url: a@b"),
    ],
)
def test_scrub(text, expected):
    """Only the password of a URL is struck out."""
    assert scrub(text) == expected
