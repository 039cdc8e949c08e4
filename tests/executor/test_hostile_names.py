"""Names of columns and tables that are SQL when nobody quotes them: 5,000 of them, from every source into every target."""

import csv
import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.hostile_names import hostile_names
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import table

COLUMNS, KEYS, OBJECTS = 330, 190, 6
"""Columns of a load, keys of an object of JSON, and objects inside a record."""
TABLES, TABLES_BY_CONFIG = 60, 12
CANARY = [(1, "alive"), (2, "well")]
SOURCES = ("csv", "jsonl", "api", "parquet", "rename")
VISIBLE = "\n\t\r\x01\x1b\x7f\u2028"
"""What no name of a config may hold."""


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        with duckdb.connect(str(tmp_path / "out.duckdb")) as connection:
            connection.execute(
                "CREATE TABLE canary AS SELECT * FROM (VALUES (1, 'alive'), (2, 'well')) AS t(a, b)"
            )
        warehouse.run(
            "CREATE TABLE canary (a int, b text); INSERT INTO canary VALUES (1, 'alive'), (2, 'well');"
        )
        yield worker


def source(kind, names, worker, serve):
    """Return a config whose rows are one, of columns `id` and these names, each with its place for a value."""
    row, folder = {"id": 0} | {name: place for place, name in enumerate(names)}, worker.data_dir
    match kind:
        case "csv":
            with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, quoting=csv.QUOTE_ALL).writerows([list(row), list(row.values())])
            return {"type": "csv", "path": "in.csv"}
        case "jsonl":
            (folder / "in.jsonl").write_text(json.dumps(row) + "\n")
            return {"type": "jsonl", "path": "in.jsonl"}
        case "api":
            return {"type": "api", "url": serve(lambda _asked: [row]).url}
        case "parquet":
            pq.write_table(pa.Table.from_pylist([row]), folder / "in.parquet")
            return {"type": "parquet", "path": "in.parquet"}
    renamed = {f"c{place}": name for place, name in enumerate(names)}
    return source("csv", list(renamed), worker, serve) | {"rename": renamed}


def names_for(kind, seed):
    count = KEYS if kind in {"jsonl", "api"} else COLUMNS
    # A header of several lines is refused: DuckDB takes their beginnings for comments.
    return hostile_names(count, seed, without={"rename": VISIBLE, "csv": "\r\n\0"}.get(kind, "\0"))


def duckdb_catalogue(worker):
    """Return every object that a user of the file has, but columns."""
    return worker.rows(
        "SELECT 'table', schema_name, table_name FROM duckdb_tables() UNION ALL "
        "SELECT 'view', schema_name, view_name FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT 'schema', '', schema_name FROM duckdb_schemas() WHERE database_name = 'out' UNION ALL "
        "SELECT 'macro', schema_name, function_name FROM duckdb_functions() WHERE NOT internal UNION ALL "
        "SELECT 'sequence', schema_name, sequence_name FROM duckdb_sequences()"
    )


OURS = {("schema", "", "_orc"), ("schema", "", "main"), ("table", "_orc", "receipts"), ("table", "_orc", "fences"),
        ("table", "main", "canary")}  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
def test_columns_of_a_duckdb_table(worker, serve, kind):
    """Each name is a column of the one table, spelled as it came; beside it is what was there before."""
    names = names_for(kind, f"duckdb {kind}")
    assert worker.load(source(kind, names, worker, serve), table()) == 1
    columns = worker.rows(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 't' ORDER BY column_index"
    )
    assert [name for (name,) in columns] == ["id", *names]
    assert worker.rows() == [(0, *range(len(names)))]
    assert set(duckdb_catalogue(worker)) == OURS | {("table", "main", "t")}
    assert worker.rows("FROM canary") == CANARY


@pytest.mark.parametrize("kind", SOURCES)
def test_columns_of_parquet_files(worker, serve, kind):
    """Each name is a column of the files, and no file is anywhere else."""
    names = names_for(kind, f"parquet {kind}")
    before = {path.name for path in worker.data_dir.iterdir()}
    config = source(kind, names, worker, serve)
    assert worker.load(config, {"type": "parquet", "path": "set"}) == 1
    (file,) = (worker.data_dir / "set").glob("*.parquet")
    assert pq.read_schema(file).names == ["id", *names]
    made = {path.name for path in worker.data_dir.iterdir()} - before
    assert made - {config.get("path")} <= {"set", "set.orc-lock", ".scratch"}
    assert worker.rows("FROM canary") == CANARY


@pytest.mark.parametrize("kind", SOURCES)
def test_columns_of_a_postgres_table(worker, serve, warehouse, kind):
    """Each name is a column of the one table, and the database holds no other object than before, ours aside."""
    names = names_for(kind, f"postgres {kind}")
    before = postgres_catalogue(warehouse)
    loader = {"type": "postgres", "connection": CONNECTION, "table_name": "t"}
    assert worker.load(source(kind, names, worker, serve), loader) == 1
    columns = warehouse.run(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert [name for (name,) in columns] == ["id", *names]
    assert [tuple(row) for row in warehouse.run("SELECT * FROM t")] == [(0, *range(len(names)))]
    ours = {("r", "_orc", name) for name in ("receipts", "fences", "states")}
    assert postgres_catalogue(warehouse) - before == ours | {("r", "public", "t")}
    assert warehouse.run("SELECT * FROM canary ORDER BY a") == CANARY


def postgres_catalogue(warehouse):
    """Return everything but indexes and what is kept aside for long values."""
    return set(
        warehouse.run(
            "SELECT relkind::text, n.nspname::text, relname::text FROM pg_class AS c "
            "JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind NOT IN ('i', 't') UNION ALL "
            "SELECT 'function', pronamespace::regnamespace::text, oid::text FROM pg_proc UNION ALL "
            "SELECT 'role', '', rolname::text FROM pg_roles"
        )
    )


def test_keys_inside_objects(worker):
    """They make columns of their parent's name, load after load, and nothing else."""
    objects = {f"o{place}": hostile_names(KEYS, f"object {place}", without="\0") for place in range(OBJECTS)}
    record = {"id": 0} | {key: dict.fromkeys(names, 1) for key, names in objects.items()}
    (worker.data_dir / "in.jsonl").write_text(json.dumps(record) + "\n")
    for _ in range(2):
        worker.load(
            {"type": "jsonl", "path": "in.jsonl"}, table(nested="flatten", write_disposition="append")
        )
    expected = {("t", f"{key}__{name}") for key, names in objects.items() for name in names}
    assert columns_of_tables(worker) == expected | {("t", "id")}
    assert set(duckdb_catalogue(worker)) == OURS | {("table", "main", "t")}
    assert worker.rows("FROM canary") == CANARY


def test_keys_of_arrays(worker):
    """They make tables of their parent's name, which are found, emptied and filled again by theirs."""
    arrays = hostile_names(TABLES, "arrays", without="\0")
    record = {"id": 0} | {f"l {name}": [{name: 1}] for name in arrays}
    (worker.data_dir / "in.jsonl").write_text(json.dumps(record) + "\n")
    for _ in range(2):
        worker.load({"type": "jsonl", "path": "in.jsonl"}, table(nested="child_tables"))
    own = ("_orc_id", "_orc_parent_id", "_orc_list_index")
    expected = {(f"t__l {name}", column) for name in arrays for column in (*own, name)}
    assert columns_of_tables(worker) == expected | {("t", "id"), ("t", "_orc_id")}
    made = {("table", "main", f"t__l {name}") for name in arrays}
    assert set(duckdb_catalogue(worker)) == OURS | made | {
        ("table", "main", "t"),
        ("table", "_orc", "children"),
    }
    sizes = worker.rows("SELECT estimated_size FROM duckdb_tables() WHERE starts_with(table_name, 't__')")
    assert sizes == [(1,)] * TABLES
    assert worker.rows("FROM canary") == CANARY


def columns_of_tables(worker):
    return set(
        worker.rows(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "WHERE NOT internal AND schema_name = 'main' AND table_name <> 'canary'"
        )
    )


def test_names_of_a_config(worker, warehouse):
    """Tables, keys and columns that a job names are called so, in a file and in a database, load after load."""
    names = hostile_names(TABLES_BY_CONFIG, "tables", without=VISIBLE)
    before = postgres_catalogue(warehouse)
    for name in names:
        rows = {"type": "inline", "rows": [{name: 1, "v": 2}]}
        words = {
            "table_name": name,
            "write_disposition": "merge",
            "primary_key": [name],
            "load_id_column": f"by {name}",
        }
        for _ in range(2):
            worker.load(rows, {"type": "duckdb", "db_path": "out.duckdb", **words})
            worker.load(rows, {"type": "postgres", "connection": CONNECTION, **words})
    assert set(duckdb_catalogue(worker)) == OURS | {("table", "main", name) for name in names}
    ours = {("r", "_orc", name) for name in ("receipts", "fences", "states")}
    assert postgres_catalogue(warehouse) - before == ours | {("r", "public", name) for name in names}
    expected = {(name, column) for name in names for column in (name, "v", f"by {name}")}
    assert columns_of_tables(worker) == expected
    assert worker.rows("FROM canary") == warehouse.run("SELECT * FROM canary ORDER BY a") == CANARY
