"""Names that somebody takes for the same: by case, by Unicode, by being cut; none is mistaken for another, or lost."""

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import table

from orc_domain.extract import parse_extractor
from orc_domain.rejection import Invalid

PAIRS = ["É", "é", "ß", "ẞ", "SS", "\u212a", "k", "İ", "i", "ı", "ſ", "s", "Å", "\u212b", "Σ", "ς", "σ"]
"""Each differs from all others but by the case of A to Z, though Unicode folds some of them together."""


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        yield worker


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


def postgres(**more):
    return {"type": "postgres", "connection": CONNECTION, "table_name": "t", **more}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_columns_that_unicode_takes_for_the_same(worker, warehouse, kind):
    """They are columns beside each other, in a file, in Parquet and in a database, and again when rows are added."""
    row, file = dict(zip(PAIRS, range(len(PAIRS)), strict=True)), worker.data_dir / f"in.{kind}"
    if kind == "csv":
        file.write_text(f"{','.join(row)}\n{','.join(map(str, row.values()))}\n", encoding="utf-8")
    elif kind == "jsonl":
        file.write_text(json.dumps(row) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist([row]), file)
    source = {"type": kind, "path": file.name, "columns": {"É": "INTEGER", "é": "VARCHAR"}}
    parquet = {"type": "parquet", "path": "set", "write_disposition": "append"}
    for loader in (table(write_disposition="append"), postgres(write_disposition="append"), parquet):
        assert [worker.load(source, loader) for _ in range(2)] == [1, 1]
    assert list(worker.types()) == PAIRS
    assert (worker.types()["É"], worker.types()["é"]) == ("INTEGER", "VARCHAR")
    expected = tuple(str(value) for value in row.values())
    for rows in (worker.rows(), warehouse.run("SELECT * FROM t")):
        assert [tuple(map(str, found)) for found in rows] == [expected] * 2


def test_tables_that_unicode_takes_for_the_same(worker):
    """A load into one leaves the others as they were, in each of the dispositions."""
    for name in PAIRS:
        worker.load(inline({"id": 1, f"of {name}": 1}), table(name, write_disposition="append"))
    for name in PAIRS:
        rows = inline({"id": 1, f"of {name}": 2}, {"id": 2, f"of {name}": 2})
        worker.load(rows, table(name, write_disposition="merge", primary_key=["id"]))
        worker.load(
            rows, table(name, write_disposition="append", checks=[{"type": "not_null", "columns": ["id"]}])
        )
    for name in PAIRS:
        assert list(worker.types(f'"{name}"')) == ["id", f"of {name}"]
        assert len(worker.rows(f'FROM "{name}"')) == 4


def test_a_table_in_another_case_is_the_same(worker):
    """Of A to Z the case does not count, as it does not in DuckDB."""
    worker.load(inline({"a": 1}), table("Orders"))
    worker.load(inline({"A": 2}), table("oRDERS", write_disposition="append"))
    assert worker.rows("SELECT a FROM orders ORDER BY a") == [(1,), (2,)]


def test_case_pairs_in_postgres(worker, warehouse):
    """Where a table has two columns that differ in case, the rows' column goes into its own."""
    warehouse.run('CREATE TABLE t ("a" int, "A" int DEFAULT 7); INSERT INTO t VALUES (1, 1);')
    worker.load(inline({"a": 2}), postgres(write_disposition="append"))
    assert warehouse.run('SELECT "a", "A" FROM t ORDER BY 1') == [(1, 1), (2, 7)]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([f"{'n' * 63}a", f"{'n' * 63}b"], "longer than 63 bytes"),
        (["é" * 32], "longer than 63 bytes"),
        (["a\0; DROP TABLE canary; --"], "a NUL in its name"),
    ],
)
def test_names_that_postgres_would_cut(worker, warehouse, names, said):
    """Two that would become one, one in the middle of a character, one at a NUL: refused, and nothing is made."""
    before = relations(warehouse)
    (worker.data_dir / "in.jsonl").write_text(json.dumps(dict.fromkeys(names, 1)) + "\n")
    kind, message = worker.fail({"type": "jsonl", "path": "in.jsonl"}, postgres())
    assert (kind, said in message) == ("wrong_shape", True)
    assert relations(warehouse) == before


def relations(warehouse):
    return warehouse.run(
        "SELECT oid::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    )


def test_a_nul_in_a_name_is_kept_where_it_can_be(worker):
    """In a file of DuckDB it is a character like any other, and ends no statement."""
    name = "a\0; DROP TABLE canary; --"
    with duckdb.connect(str(worker.data_dir / "out.duckdb")) as connection:
        connection.execute("CREATE TABLE canary AS SELECT 1 AS a")
    (worker.data_dir / "in.jsonl").write_text(json.dumps({name: 1, "b": 2}) + "\n")
    assert worker.load({"type": "jsonl", "path": "in.jsonl"}, table()) == 1
    assert list(worker.types()) == [name, "b"]
    assert worker.rows("FROM canary") == [(1,)]


def test_a_table_of_postgres_with_too_long_a_name_is_not_the_shorter_one():
    """Refused before the server is asked, which would read the table whose name the beginning is."""
    for table_name in ("n" * 64, f"{'n' * 64}.t", f't."{"é" * 32}"'):
        with pytest.raises(Invalid) as refused:
            parse_extractor({"type": "sql", "connection": CONNECTION, "table": table_name})
        assert (refused.value.field, refused.value.valid) == ("extractor_config.table", "63 bytes at most")
    parse_extractor({"type": "sql", "connection": CONNECTION, "table": "n" * 63})
