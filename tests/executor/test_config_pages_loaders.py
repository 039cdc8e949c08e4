"""Every example of the loaders' pages is loaded, twice, by a real worker, and does what its page says of its words."""

import json
from collections import Counter

import pytest
from support.config_pages import EXAMPLES
from support.example_rows import breaking, expected, row_of, two_loads
from support.example_targets import look_into
from support.pages_worker import clear, pages_warehouse, pages_worker

from orc_executor.frames import Failed, Loaded

HERE = [example for example in EXAMPLES if example.place.startswith("loaders/")]
LOADERS = [example for example in HERE if example.kind == "loader" and example.config["type"] != "discard"]
ROWS = {"type": "jsonl", "path": "rows.jsonl"}
NEW_COLUMN = {
    "evolve": lambda answer, columns: "new" in columns,
    "freeze": lambda answer, columns: answer.kind == "contract_broken",
    "discard_value": lambda answer, columns: "new" not in columns and answer.result.rows == 1,
    "discard_row": lambda answer, columns: "new" not in columns and answer.result.bad_rows == 1,
}
"""What becomes of a load of one row with a column more, by the contract's `columns`."""
NESTED = {
    None: {"id", "customer", "items"},
    "json": {"id", "customer", "items"},
    "flatten": {"id", "customer__name", "customer__home__city", "items"},
    "child_tables": {"id", "customer__name", "customer__home__city", "_orc_id"},
}
"""The table's columns, by `nested`."""
SECOND = {"replace": 1, "append": 2, "merge": 1, "insert-only": 1}
"""How many times a task's rows are there when it was run twice, by write disposition."""


def of(examples):
    return pytest.mark.parametrize("example", examples, ids=lambda example: example.place)


@pytest.fixture(scope="module")
def warehouse(postgres, portal):
    with pages_warehouse(postgres, portal) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def pages(tmp_path_factory, warehouse):
    with pages_worker(tmp_path_factory.mktemp("loaders"), warehouse) as worker:
        yield worker


@pytest.fixture
def worker(pages, warehouse):
    """Give the worker, with nothing in its folder and database but what checks of examples look for."""
    clear(pages.data_dir)
    warehouse.run("DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS _orc CASCADE; CREATE SCHEMA public")
    return pages


@pytest.fixture
def load(worker):
    """Load rows, and return the answer."""

    def load(loader, rows, **more):
        (worker.data_dir / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return worker.perform(ROWS, loader, **more)

    def load_all(loader, rows, **more):
        answer = load(loader, rows, **more)
        assert isinstance(answer, Loaded), answer
        return answer.result

    # A check of an example looks for them.
    load_all(
        {"type": "duckdb", "db_path": "a.duckdb", "table_name": "customers"},
        [{"id": nth} for nth in range(10)],
    )
    load.all = load_all
    return load


@of(LOADERS)
def test_a_first_and_a_second_load(example, load, worker, warehouse):
    """Rows with the columns that the example names; the table then holds what its write disposition says."""
    loader = example.config
    first, second = two_loads(loader)
    load.all(loader, first)
    load.all(loader, second)
    target = look_into(loader, worker.data_dir, warehouse)
    assert Counter(target.values()) == expected(loader, first, second)
    check_words(loader, target, second)


def check_words(loader, target, second):
    """Hold against the table what further words of a config say of it."""
    for word, said in loader.items():
        match word:
            case "load_id_column":
                rows = Counter(target.values(said)).values()
                assert sorted(rows) == [len(second)] * len(rows)
            case "merge":
                assert said.get("delete_column") not in target.columns()
            case "scd2":
                now = target.values(f"CASE WHEN {said['valid_to_column']} IS NULL THEN value END")
                assert sorted(filter(None, now)) == sorted(row["value"] for row in second)
                assert said["valid_from_column"] in target.columns()
            case "partition_by":
                assert all(f"/{name}=" in file for file in target.files() for name in said)
            case "compression":
                assert target.compressions() == {said}
            case "storage_version":
                assert target.storage_version().startswith(said)


@of([example for example in LOADERS if "checks" in example.config])
def test_a_check_that_is_not_met(example, load, worker, warehouse):
    """`fail` leaves the table as it was, `warn` loads and tells."""
    loader = example.config
    first, _ = two_loads(loader)
    load.all(loader, first)
    for check in loader["checks"]:
        answer = load(
            loader, breaking(check, [row_of(loader, nth, 3) for nth in range(100, 100 + len(first))])
        )
        if check.get("severity") == "warn":
            assert check["type"] in answer.result.warnings[0]
        else:
            assert (answer.kind, check["type"] in answer.message) == ("checks_failed", True)
            assert Counter(look_into(loader, worker.data_dir, warehouse).values()) == Counter(
                row["value"] for row in first
            )


@of([example for example in LOADERS if "schema_contract" in example.config])
def test_a_row_that_is_not_as_the_table(example, load, worker, warehouse):
    """A new column and another type have the outcome that the contract names."""
    loader = example.config
    contract = loader["schema_contract"]
    load.all(loader, [row_of(loader, 0, 1)])
    answer = load(loader, [{**row_of(loader, 1, 2), "new": 1}])
    columns = look_into(loader, worker.data_dir, warehouse).columns()
    assert NEW_COLUMN[contract["columns"]](answer, columns)
    answer = load(loader, [{**row_of(loader, 2, 3), "nth": 2.5}])
    assert isinstance(answer, Failed) == (contract["data_type"] == "freeze")


@of([example for example in HERE if example.kind == "task"])
def test_a_task_of_a_loaders_page(example, worker, warehouse):
    """As it stands, twice."""
    rows = example.extractor["rows"]
    assert [worker.load(example.extractor, example.loader) for _ in range(2)] == [len(rows)] * 2
    target = look_into(example.loader, worker.data_dir, warehouse)
    times = SECOND[example.loader.get("write_disposition", "replace")]
    assert Counter(target.values("id")) == Counter([row["id"] for row in rows] * times)
    if "/nested.md" in example.place:
        assert set(target.columns()) == NESTED[example.loader.get("nested")]


@of([example for example in HERE if example.kind == "loader" and example.config["type"] == "discard"])
def test_nothing_is_kept_but_told(example, load, worker):
    """The loader `discard` tells the columns."""
    before = sorted(worker.data_dir.iterdir())
    result = load.all(example.config, [{"id": 1, "at": "2026-05-01T09:00:00"}, {"id": None, "at": None}])
    assert (result.rows, result.bad_rows) == (2, 0)
    assert result.columns == {"id": "BIGINT", "at": "TIMESTAMP"}
    assert sorted(worker.data_dir.iterdir()) == before


def test_every_example_of_a_loader_is_run():
    """A page whose examples are in no test above would be one that nobody tried."""
    assert {example.kind for example in HERE} <= {"loader", "task"}
    assert len({example.place.partition(":")[0] for example in HERE}) >= 4
