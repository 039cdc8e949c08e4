"""Every example of the extractors' pages is run by a real worker: those of files, databases and rows in the job itself."""

import duckdb
import pytest
from support.config_pages import EXAMPLES, worth
from support.example_fields import record_of, table_columns
from support.example_files import FilePlaces, Prepared
from support.object_server import object_server
from support.pages_worker import clear, pages_warehouse, pages_worker
from support.worker_process import DISCARD, table

from orc_domain.extract import parse_extractor
from orc_domain.task_rules import goes_on
from orc_executor.frames import Loaded

HERE = [
    example
    for example in EXAMPLES
    if example.place.startswith("extractors/") and example.extractor["type"] != "api"
]
TYPED_ONLY = ("gs://", "az://")
"""Stores that there is no server of here; tests/executor/test_object_stores.py speaks with them as documented."""
COMPARED = ("name", "day", "at", "amount")
"""Columns whose values would come otherwise if the form of the file were not heeded."""
SHOP = """
CREATE SCHEMA sales;
CREATE TABLE sales.orders AS SELECT 1 AS id, 'x' AS name;
CREATE TABLE customers AS SELECT 1 AS id, 'CH' AS country;
CREATE TABLE orders AS SELECT 1 AS id, 1 AS customer_id, 12.50 AS total, timestamptz '2026-05-01 09:00:00.123456Z' AS updated_at
"""


def is_typed_only(example):
    return str(example.extractor.get("path", "")).startswith(TYPED_ONLY)


@pytest.fixture(scope="module")
def s3():
    """Start the object store when the first example wants it."""
    running = []

    def url():
        if not running:
            context = object_server()
            running.append((context, context.__enter__()))
        return running[0][1]

    yield url
    for context, _ in running:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, postgres, portal):
    with pages_warehouse(postgres, portal) as warehouse:
        warehouse.run(SHOP)
        with pages_worker(tmp_path_factory.mktemp("extractors"), warehouse) as worker:
            yield worker


@pytest.fixture
def worker(pages):
    clear(pages.data_dir)
    return pages


@pytest.fixture
def places(worker, s3):
    with FilePlaces(worker.data_dir, s3) as places:
        yield places


def prepare(config, places):
    """Have the source there."""
    match config["type"]:
        case "inline":
            return Prepared(config, len(config["rows"]))
        case "sql":
            return Prepared(config, 1)
    return places.prepare(config)


@pytest.mark.parametrize(
    "example", [example for example in HERE if not is_typed_only(example)], ids=lambda example: example.place
)
def test_an_example_is_extracted(example, worker, places):
    """All rows, the columns that the config says, values as they were written; once, where a task goes on."""
    source = prepare(example.extractor, places)
    is_going_on = goes_on(parse_extractor(source.config))
    loader = example.loader if example.kind == "task" else table(write_disposition="append")
    answer = worker.perform(source.config, loader)
    assert isinstance(answer, Loaded), answer
    rows = answer.result.rows
    assert (rows, rows > 0, answer.result.bad_rows) == (source.rows or rows, True, source.bad_rows)

    with duckdb.connect(str(worker.data_dir / loader["db_path"]), read_only=True) as target:
        found = target.sql(f"FROM {loader['table_name']}")
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        values = {name: found.project(f'"{name}"').fetchall() for name in COMPARED if name in types}
    if source.rows is not None and source.config["type"] not in {"inline", "sql"}:
        check_columns(example.extractor, types, values)
    if is_going_on:
        again = worker.load(source.config, loader)
        assert again == 0 or loader["write_disposition"] == "merge"
        assert count(worker, loader) == rows
    elif example.kind == "extractor":
        discarded = worker.perform(source.config, DISCARD)
        assert isinstance(discarded, Loaded), discarded
        assert discarded.result.rows == rows
        assert discarded.result.columns in (types, None if source.config["type"] == "inline" else types)
    check_headers(example.extractor, places)


def count(worker, loader):
    with duckdb.connect(str(worker.data_dir / loader["db_path"]), read_only=True) as target:
        return len(target.sql(f"FROM {loader['table_name']}"))


def check_columns(config, types, values):
    """Hold the table against what was written."""
    names, known = table_columns(config)
    folders = {"year", "month"} if config.get("hive_partitioning") else set()
    assert set(types) == names | folders or not config.get("header", True)
    assert {name: types[name] for name in known} == known
    for name in values if not config.get("union_by_name") else ():
        records = [record_of(config, nth) for nth in range(len(values[name]))]
        assert values[name] == [(record[name],) for record in records]


def check_headers(config, places):
    """Hold what a web server was asked against the config's headers."""
    for name, value in config.get("storage", {}).get("headers", {}).items():
        said = {asked.headers.get(name.lower()) for asked in places.web.asked}
        assert said == {value if isinstance(value, str) else worth(value["secret"])}


@pytest.mark.parametrize(
    "example", [example for example in HERE if is_typed_only(example)], ids=lambda example: example.place
)
def test_an_example_of_google_or_azure_is_typed_only(example):
    """No server of theirs runs here."""
    assert parse_extractor(example.extractor).storage is not None
