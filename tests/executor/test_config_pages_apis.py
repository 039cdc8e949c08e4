"""Every example of the extractor `api` is run by a real worker, against a server that answers as the example says."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from support.config_pages import EXAMPLES, secrets_of, variables, worth
from support.example_api import ExampleApi
from support.example_fields import table_columns, value_of
from support.pages_worker import clear
from support.worker_process import DISCARD, table, worker_process

from orc_domain.run_messages import RunWindow
from orc_executor.frames import Failed, Loaded

HERE = [
    example
    for example in EXAMPLES
    if example.place.startswith("extractors/") and example.extractor["type"] == "api"
]
WINDOW = RunWindow(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
BACK_SOON = 503, {"retry-after": "0"}, b""


def having(*words):
    examples = [example for example in HERE if set(words) <= set(example.extractor)]
    return pytest.mark.parametrize("example", examples, ids=lambda example: example.place)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    with worker_process(
        tmp_path_factory.mktemp("apis"), ORC_EGRESS_ALLOW="loopback", **variables()
    ) as worker:
        yield worker


@pytest.fixture
def worker(pages):
    clear(pages.data_dir)
    return pages


def target(example):
    return example.loader if example.kind == "task" else table()


def load(worker, config, loader, api, **more):
    """Load, and return the number of rows."""
    answer = worker.perform(config, loader, **more)
    assert isinstance(answer, Loaded), (answer, api.refusals)
    return answer.result.rows


@having("type")
def test_an_example_is_extracted(example, worker):
    """Each record of each page, once, from a server that refuses what is not asked as the example says."""
    api, loader = ExampleApi(example.extractor), target(example)
    with api.serving() as config:
        assert load(worker, config, loader, api) == api.rows() > 0
        if example.kind == "extractor":
            discarded = worker.perform(config, DISCARD)
            assert isinstance(discarded, Loaded), discarded
            assert discarded.result.rows == api.rows()
    assert api.refusals == []
    with duckdb.connect(str(worker.data_dir / loader["db_path"]), read_only=True) as connection:
        found = connection.sql(f"FROM {loader['table_name']}")
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        for name in example.extractor.get("parent", {}).get("include", ()):
            included = found.project(f"parent_{name.replace('.', '_')}").fetchall()
            assert {value for (value,) in included} == {record[name] for record in api.parent_records}
    names, known = table_columns(example.extractor)
    assert set(types) == names
    assert {name: types[name] for name in known} == known
    for name in secrets_of(example.extractor):
        assert any(
            worth(name) in f"{asked.headers} {asked.query} {asked.body}" for asked in api.asked
        ) or has_basic(api)


def has_basic(api):
    """Whether a password came where it cannot be seen in clear; the server has judged it."""
    return any(asked.headers.get("authorization", "").startswith("Basic ") for asked in api.asked)


@having("response_actions")
def test_what_an_answer_means(example, worker):
    """Each of the example's actions, on an answer that it is for."""
    for action in example.extractor["response_actions"]:
        api = ExampleApi(example.extractor)
        api.next_answers.append((action.get("status", 200), {}, action.get("content", "").encode()))
        with api.serving() as config:
            answer = worker.perform(config, DISCARD)
            if action["action"] == "fail":
                assert isinstance(answer, Failed)
                assert answer.kind == "source_refused"
                continue
            assert isinstance(answer, Loaded), answer
            is_less = answer.result.rows < api.rows()
            assert is_less == (action["action"] == "ignore")


@having("retries")
def test_what_fails_is_asked_for_again(example, worker):
    """As often as the example says."""
    tries = example.extractor["retries"]["tries_max"]
    for failures in (tries - 1, tries):
        api = ExampleApi(example.extractor)
        api.next_answers += [BACK_SOON] * failures
        with api.serving() as config:
            answer = worker.perform(config, DISCARD)
            assert (isinstance(answer, Loaded), len(api.asked)) == (failures < tries, tries)


@having("conditional")
def test_what_is_as_it_was_stays(example, worker):
    """The second run is answered with 304."""
    api, loader = ExampleApi(example.extractor), target(example)
    with api.serving() as config:
        assert [load(worker, config, loader, api) for _ in range(2)] == [api.rows(), 0]
    assert [("if-none-match" in asked.headers) for asked in api.asked] == [False, True]
    with duckdb.connect(str(worker.data_dir / loader["db_path"]), read_only=True) as connection:
        assert len(connection.sql(f"FROM {loader['table_name']}")) == api.rows()


@having("incremental")
def test_only_what_is_new_is_asked_for(example, worker):
    """From `initial`, then from the cursor less the lag; a backfill's run from and to the ends of its window."""
    incremental = example.extractor["incremental"]
    api, loader = ExampleApi(example.extractor), target(example)
    with api.serving() as config:
        for more in ({}, {}, {"window": WINDOW}):
            load(worker, config, loader, api, **more)
    begins = [
        asked.query[incremental["param"]] for asked in api.asked if not {"at", "cursor"} & set(asked.query)
    ]
    last = value_of(example.extractor, incremental["cursor"], None, api.rows() - 1)
    assert begins == [
        str(incremental["initial"]), less(incremental, last), written(incremental, WINDOW.start)
    ]  # fmt: skip
    ends = {asked.query.get(incremental["end_param"]) for asked in api.asked}
    assert ends == {None, written(incremental, WINDOW.end)}
    with duckdb.connect(str(worker.data_dir / loader["db_path"]), read_only=True) as connection:
        assert len(connection.sql(f"SELECT DISTINCT id FROM {loader['table_name']}")) == api.rows()


def written(incremental, time):
    """Return a time as the example's parameters are written."""
    assert incremental.get("format") in {None, "unix"}
    return str(int(time.timestamp())) if incremental.get("format") else f"{time:%Y-%m-%dT%H:%M:%SZ}"


def less(incremental, cursor):
    """Return where to begin after a cursor, as a parameter has it."""
    lag = timedelta(**{UNITS[incremental["lag"][-1]]: int(incremental["lag"][:-1])})
    return (
        str(cursor - int(lag.total_seconds()))
        if isinstance(cursor, int)
        else written(incremental, cursor - lag)
    )
