"""An incremental API is asked to begin where the last run ended."""

import json
import re
from datetime import UTC, datetime

import pytest
from support.apis import api
from support.worker_process import table

from orc_domain.extractors.incremental import ApiIncremental
from orc_domain.run_messages import CursorSet, RunWindow
from orc_executor.errors import WrongShape
from orc_executor.extractors.api.cursor import beginning
from orc_executor.state import TaskState

WINDOW = RunWindow(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, 12, 30, 0, 500, tzinfo=UTC))
RECORDS = [{"id": 1, "at": "2026-05-13T09:00:00.123456789Z"}]


def asked_for(incremental, cursor=None, window=None):
    """Return the parameters of a run with that cursor, as the query has them."""
    config = ApiIncremental(**{"cursor": "at", "param": "since", **incremental})
    found = beginning(config, TaskState(cursor=cursor), window)
    return {name: str(value) for name, value in found.items()}


@pytest.fixture(autouse=True)
def fresh(worker):
    """Begin each test without a table that remembers."""
    (worker.data_dir / "out.duckdb").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("incremental", "query"),
    [
        ({}, {}),
        ({"initial": "2026-01-01"}, {"since": "2026-01-01"}),
        ({"initial": 17}, {"since": "17"}),
        ({"initial": "2026-01-01", "format": "unix"}, {"since": "1767225600"}),
        ({"initial": "2026-01-01", "lag": "1d"}, {"since": "2026-01-01"}),
        ({"initial": "2026-01-01", "param": None}, {}),
        ({"initial": "2026-01-01", "end_param": "until"}, {"since": "2026-01-01"}),
    ],
)
def test_the_first_run_begins_at_initial_or_asks_for_everything(incremental, query):
    """There is no lag before what somebody wrote, and no end outside a backfill."""
    assert asked_for(incremental) == query


@pytest.mark.parametrize(
    ("cursor", "incremental", "begin"),
    [
        ("2026-05-13T09:00:00.123456789Z", {}, "2026-05-13T09:00:00.123456789Z"),
        ("2026-05-13T09:00:00.123456789Z", {"initial": "2020-01-01"}, "2026-05-13T09:00:00.123456789Z"),
        ("any text", {}, "any text"),
        ("2026-05-13T09:00:00.123456789Z", {"lag": "90s"}, "2026-05-13T08:58:30.123456789Z"),
        ("2026-05-13T09:00:00.1+02:00", {"lag": "0.000000001s"}, "2026-05-13T09:00:00.099999999+02:00"),
        ("2026-05-13T09:00:00.500Z", {"lag": "0.5s"}, "2026-05-13T09:00:00.000Z"),
        ("2026-03-01", {"lag": "2h"}, "2026-02-28"),
        ("2026-03-01", {"lag": "1w"}, "2026-02-22"),
        ("2026-05-13 09:00-03", {"lag": "1.5h"}, "2026-05-13 07:30-03"),
        ("2026-05-13T09:00Z", {"lag": "1s"}, "2026-05-13T08:59:59Z"),
        ("12345678901234567890123", {"lag": "1"}, "12345678901234567890122"),
        ("1700000000.100", {"lag": "0.05"}, "1700000000.050"),
        ("5", {"lag": "10"}, "-5"),
        ("1700000000", {"lag": "2h", "format": "unix"}, "1699992800"),
        ("1700000000123", {"lag": "1s", "format": "unix_ms"}, "1699999999123"),
        ("1700000000.9", {"format": "unix"}, "1700000000"),
        ("2026-05-13T09:00:00.999999999Z", {"format": "unix"}, "1778662800"),
        ("2026-05-13T09:00:00.999999999Z", {"format": "unix_ms"}, "1778662800999"),
        ("2026-05-13T11:00:00+02:00", {"format": "%d.%m.%Y %H:%M"}, "13.05.2026 09:00"),
        ("2026-05-13T09:00:00.5Z", {"format": "%Y-%m-%dT%H:%M:%S.%fZ", "lag": "1s"}, "2026-05-13T08:59:59.500000Z"),
        ("1969-12-31T23:59:59.5Z", {"format": "unix"}, "-1"),
    ],
)  # fmt: skip
def test_a_run_begins_at_the_cursor_less_the_lag(cursor, incremental, begin):
    """As the API wrote it, to the last digit; a format rounds down, so that nothing is left out."""
    assert asked_for(incremental, cursor) == {"since": begin}


@pytest.mark.parametrize(
    ("cursor", "incremental", "why"),
    [
        ("abc", {"lag": "1d"}, "neither a number nor a time"),
        ("2026-13-01", {"lag": "1d"}, "neither a number nor a time"),
        ("abc", {"format": "unix"}, "neither a number nor a time"),
        ("17", {"lag": "1d"}, "is a number, and extractor_config.incremental.lag has a unit"),
        ("17", {"lag": "1d", "format": "%Y"}, "is a number, and extractor_config.incremental.lag has a unit"),
        ("17", {"format": "%Y"}, "is a number, which extractor_config.incremental.format %Y does not write"),
        ("2026-05-13", {"lag": "90"}, "is a time, and extractor_config.incremental.lag 90 has no unit"),
        ("0001-01-01T00:00:00Z", {"lag": "1d"}, "to before the year 1"),
    ],
)
def test_a_cursor_that_no_lag_or_format_goes_with_is_an_error(cursor, incremental, why):
    """Before anything is asked, naming the word."""
    with pytest.raises(WrongShape, match=re.escape(why)):
        asked_for(incremental, cursor)


@pytest.mark.parametrize(
    ("incremental", "query"),
    [
        ({}, {"since": "2026-05-01T00:00:00Z"}),
        ({"end_param": "until"}, {"since": "2026-05-01T00:00:00Z", "until": "2026-05-02T12:30:00.000500Z"}),
        ({"end_param": "until", "format": "unix"}, {"since": "1777593600", "until": "1777725001"}),
        ({"end_param": "until", "format": "%Y%m%d"}, {"since": "20260501", "until": "20260502"}),
        ({"lag": "1d", "initial": "2020-01-01"}, {"since": "2026-05-01T00:00:00Z"}),
        ({"param": None}, {}),
    ],
)
def test_a_backfills_run_asks_for_its_window_alone(incremental, query):
    """Whatever the cursor and the lag; the end is rounded up where it is counted."""
    assert asked_for(incremental, "2026-09-09T00:00:00Z", window=WINDOW) == query


@pytest.mark.parametrize(("incremental", "cursor"), [({}, "17"), ({"initial": 17}, None)])
def test_a_window_of_time_needs_a_format_where_cursors_are_numbers(incremental, cursor):
    """Seconds and milliseconds look alike."""
    with pytest.raises(WrongShape, match="whether it is unix or unix_ms"):
        asked_for(incremental, cursor, WINDOW)


def test_with_post_the_beginning_goes_into_the_body_and_stays_on_every_page(worker, serve):
    """Beside what the config and the pages put there."""
    server = serve(lambda asked: RECORDS if b'"page":1' in asked.body else [])
    config = api(
        server, method="POST", body={"q": "x"}, pagination={"type": "page_number"},
        incremental={"cursor": "at", "param": "since", "initial": "2026-01-01"},
    )  # fmt: skip
    assert worker.load(config, table(write_disposition="append")) == 1
    assert [asked.body for asked in server.asked] == [
        b'{"q":"x","since":"2026-01-01","page":%d}' % page for page in (1, 2)
    ]


def test_children_are_asked_for_from_the_cursor_on_and_parents_for_all(worker, serve):
    """A parent that did not change may have new children."""
    server = serve(lambda asked: [{"id": 5}] if asked.path == "/parents" else RECORDS)
    config = api(
        server, "/of/{parent.id}", parent={"url": f"{server.url}/parents"},
        incremental={"cursor": "at", "param": "since", "initial": "2026-01-01"},
    )  # fmt: skip
    assert worker.load(config, table(write_disposition="append")) == 1
    assert [(asked.path, asked.query) for asked in server.asked] == [
        ("/parents", {}), ("/of/5", {"since": "2026-01-01"}),
    ]  # fmt: skip


@pytest.mark.parametrize("post", [False, True])
def test_each_run_asks_from_where_the_last_one_ended(worker, serve, post):
    """To the nanosecond, and less the lag; what comes again is not loaded again."""
    at = [f"2026-05-13T09:00:0{second}.000000001Z" for second in range(4)]
    pages = [[0, 1], [1, 2], [2, 3]]
    server = serve(lambda asked: [{"id": number, "commit": {"at": at[number]}} for number in pages.pop(0)])
    incremental = {"cursor": "commit.at", "param": "since", "lag": "1s"}
    how = {"method": "POST", "body": {"q": 1}} if post else {}
    loaded = [
        worker.load(api(server, incremental=incremental, **how), table(write_disposition="append"))
        for _ in range(3)
    ]
    assert (loaded, worker.rows("SELECT id FROM t ORDER BY id")) == ([2, 1, 1], [(0,), (1,), (2,), (3,)])
    if post:
        assert [json.loads(asked.body).get("since") for asked in server.asked] == [None, at[0], at[1]]
    else:
        assert [asked.query.get("since") for asked in server.asked] == [None, at[0], at[1]]


def test_numbers_that_count_seconds_have_lags_and_windows_of_time(worker, serve):
    """Where `format` says what they count; the loader takes the same rows that the API was asked for."""
    seconds = 1777593600
    server = serve(lambda asked: [{"id": number, "at": seconds + number * 60} for number in range(4)])
    incremental = {"cursor": "at", "param": "from", "end_param": "to", "format": "unix", "lag": "2m"}
    config, target = api(server, incremental=incremental), table(write_disposition="append")
    window = RunWindow(datetime(2026, 5, 1, 0, 1, tzinfo=UTC), datetime(2026, 5, 1, 0, 3, tzinfo=UTC))
    assert worker.load(config, target, window=window) == 2
    assert worker.rows("SELECT id FROM t") == [(1,), (2,)]
    cursor = CursorSet(version=1, value=str(seconds + 180))
    assert worker.load(config, target, cursor_set=cursor) == 3
    assert [asked.query for asked in server.asked] == [
        {"from": str(seconds + 60), "to": str(seconds + 180)}, {"from": str(seconds + 60)},
    ]  # fmt: skip
