"""Tables of a Postgres database: what a load leaves there, and what it refuses."""

import duckdb
import pytest
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import INLINE, order

from orc_executor.frames import LoadLimits

PLACE = "the database of the connection 'warehouse'"


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        yield worker


def postgres(name="t", **more):
    return {"type": "postgres", "connection": CONNECTION, "table_name": name, **more}


APPEND = postgres(write_disposition="append")


def inline(*rows):
    return {"type": "inline", "rows": list(rows)}


def parquet_of(worker, sql):
    """Write a query's rows to a file, and return the config that reads it."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{worker.data_dir / 'in.parquet'}' (FORMAT parquet)")
    return {"type": "parquet", "path": "in.parquet"}


def types(warehouse, name="t"):
    return dict(
        warehouse.run(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            f"WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
    )


@pytest.mark.parametrize(
    ("value", "type_", "came"),
    [
        ("true", "boolean", "true"),
        ("200::UTINYINT", "smallint", "200"),
        ("4294967295::UINTEGER", "bigint", "4294967295"),
        ("18446744073709551615::UBIGINT", "numeric(20,0)", "18446744073709551615"),
        ("0.1::FLOAT", "real", "0.1"),
        ("'nan'::DOUBLE", "double precision", "NaN"),
        ("'-inf'::DOUBLE", "double precision", "-Infinity"),
        ("12.340::DECIMAL(9,3)", "numeric(9,3)", "12.340"),
        ("''", "text", ""),
        ("e'a\\r\\nb\\t\"c\",\\\\.\\\\x'", "text", 'a\r\nb\t"c",\\.\\x'),
        ("'\\.'", "text", "\\."),
        ("repeat('ü', 2000000)", "text", "ü" * 2000000),
        ("'\\x00\\xFF\\x22'::BLOB", "bytea", "\\x00ff22"),
        ("''::BLOB", "bytea", "\\x"),
        ("'0044-03-15 (BC)'::DATE", "date", "0044-03-15 BC"),
        ("'-infinity'::DATE", "date", "-infinity"),
        ("'24:00:00'::TIME", "time without time zone", "24:00:00"),
        ("'04:05:06.789+02'::TIMETZ", "time with time zone", "02:05:06.789+00"),
        ("'2026-01-02 03:04:05.678901'::TIMESTAMP", "timestamp without time zone", "2026-01-02 03:04:05.678901"),
        ("'2026-01-02 03:04:05.123'::TIMESTAMP_MS", "timestamp without time zone", "2026-01-02 03:04:05.123"),
        ("'2026-01-02 03:04:05.123456'::TIMESTAMP_NS", "timestamp without time zone", "2026-01-02 03:04:05.123456"),
        ("'0044-03-15 (BC) 01:02:03+00'::TIMESTAMPTZ", "timestamp with time zone", "0044-03-15 01:02:03+00 BC"),
        ("'infinity'::TIMESTAMPTZ", "timestamp with time zone", "infinity"),
        ("'2026-01-02 03:04:05.678+02'::TIMESTAMPTZ", "timestamp with time zone", "2026-01-02 01:04:05.678+00"),
        ("'c4f9a1de-0000-4000-8000-000000000001'::UUID", "uuid", "c4f9a1de-0000-4000-8000-000000000001"),
        ("'{\"a\": [1.10, null]}'::JSON", "jsonb", '{"a": [1.10, null]}'),
        ("[1, NULL]", "jsonb", "[1, null]"),
        ("{'a': 'x', 'b': [DATE '2026-01-02']}", "jsonb", '{"a": "x", "b": ["2026-01-02"]}'),
        ("MAP {'k': 1}", "jsonb", '{"k": 1}'),
    ],
)  # fmt: skip
def test_every_type_arrives_as_it_is(worker, warehouse, value, type_, came):
    """With a null beside it, and alone in its table."""
    source = parquet_of(worker, f"SELECT {value} AS v UNION ALL SELECT NULL")
    assert worker.load(source, postgres()) == 2
    assert types(warehouse) == {"v": type_}
    warehouse.run("ALTER ROLE CURRENT_USER SET timezone = 'UTC'; SELECT 1")
    assert warehouse.run("SELECT v::text FROM t ORDER BY v NULLS LAST") == [(came,), (None,)]


def test_types_that_parquet_does_not_keep_arrive_too(worker, warehouse):
    """Whole numbers of any size and spans of time."""
    (worker.data_dir / "in.csv").write_text(
        "h,i\n-170141183460469231731687303715884105728,1 month -2 days 00:00:00.000001\n"
    )
    source = {"type": "csv", "path": "in.csv", "columns": {"h": "HUGEINT", "i": "INTERVAL"}}
    worker.load(source, postgres())
    assert types(warehouse) == {"h": "numeric(39,0)", "i": "interval"}
    assert warehouse.run("SELECT h::text, i::text FROM t") == [
        ("-170141183460469231731687303715884105728", "1 mon -2 days +00:00:00.000001")
    ]


def test_replace_keeps_the_table_and_what_hangs_on_it(worker, warehouse):
    """Rights, indexes and views stay; columns become those of the rows, and the result says which changed."""
    worker.load(inline({"a": 1, "b": "x"}), postgres())
    warehouse.run("CREATE VIEW v AS SELECT a FROM t; CREATE INDEX i ON t (a); GRANT SELECT ON t TO PUBLIC")
    answer = worker.perform(inline({"c": True, "a": 2}), postgres())
    assert answer.result.schema_changes == ("t: added column c boolean", "t: dropped column b text")
    assert warehouse.run("SELECT a FROM v") == [(2,)]
    assert warehouse.run(
        "SELECT relacl::text LIKE '%=r/%', relhasindex FROM pg_class WHERE relname = 't'"
    ) == [(True, True)]


def test_replace_keeps_a_column_that_fills_itself(worker, warehouse):
    """A wider type stays, too, and a narrower one becomes the rows'."""
    warehouse.run(
        "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT now(), a numeric, b smallint)"
    )
    answer = worker.perform(inline({"a": 1, "b": 70000}), postgres())
    assert answer.result.schema_changes == ("t: column b smallint became bigint",)
    assert warehouse.run("SELECT id, a, b FROM t") == [(1, 1, 70000)]


def test_a_view_that_needs_a_column_is_not_broken(worker, warehouse):
    """The run fails, naming it, and the table is as it was."""
    worker.load(INLINE, postgres())
    warehouse.run("CREATE VIEW v AS SELECT a FROM t; SELECT 1")
    kind, message = worker.fail(inline({"b": 1}), postgres())
    assert (kind, "view v depends on column a" in message) == ("target_unusable", True)
    assert warehouse.run("SELECT * FROM t") == [(1,), (2,)]


def test_append_adds_by_name(worker, warehouse):
    """In any order and case, where the table's types hold all of the rows'."""
    worker.load(inline({"a": 1, "b": "x"}), APPEND)
    warehouse.run(
        "ALTER TABLE t ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY; ALTER TABLE t ALTER a TYPE numeric"
    )
    worker.load(inline({"b": "", "A": 2}, {"b": None, "A": None}), APPEND)
    assert warehouse.run("SELECT a, b, n FROM t ORDER BY n") == [(1, "x", 1), (2, "", 2), (None, None, 3)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"a": 1}, "the rows have no column b"),
        ({"a": 1, "b": "x", "c": 1}, "the table has no column c"),
        ({"a": 1.5, "b": "x"}, "column a is DOUBLE, in the table it is bigint"),
        ({"a": "x", "b": "x"}, "column a is VARCHAR, in the table it is bigint"),
    ],
)
def test_append_refuses_rows_that_do_not_fit(worker, warehouse, row, said):
    """Nothing is dropped, invented or rounded."""
    worker.load(inline({"a": 1, "b": "x"}), APPEND)
    assert worker.fail(inline(row), APPEND) == ("wrong_shape", f"the rows do not fit table t: {said}")
    assert warehouse.run("SELECT * FROM t") == [(1, "x")]


def test_a_whole_number_is_refused_by_a_column_it_is_too_large_for(worker, warehouse):
    """And taken by one that is narrow but holds it."""
    warehouse.run("CREATE TABLE t (a smallint, b numeric(4,1))")
    worker.load(inline({"a": 5, "b": 7}), APPEND)
    for row in ({"a": 70000, "b": None}, {"a": None, "b": 7000}):
        assert worker.fail(inline(row), APPEND)[0] == "wrong_shape"
    assert warehouse.run("SELECT a, b::text FROM t") == [(5, "7.0")]


def test_a_text_becomes_what_the_table_holds(worker, warehouse):
    """Where Postgres takes it for one thing only, and refuses what is none; the error names place and column."""
    warehouse.run("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood, i inet, v varchar(3))")
    worker.load(inline({"m": "sad", "i": "10.0.0.1", "v": "abc"}), APPEND)
    assert warehouse.run("SELECT m::text, i::text, v FROM t") == [("sad", "10.0.0.1/32", "abc")]
    for row in ({"m": "glad", "i": None, "v": None}, {"m": None, "i": None, "v": "abcd"}):
        kind, message = worker.fail(inline(row), APPEND)
        assert (kind, "COPY t, line 1" in message) == ("wrong_shape", True), message
    assert warehouse.run("SELECT count(*) FROM t") == [(1,)]


def test_a_nul_is_named_by_its_column(worker, warehouse):
    """Postgres keeps none in a text; the table is as it was."""
    worker.load(inline({"a": "x", "b": "y"}), postgres())
    assert worker.fail(inline({"a": "x", "b": "nul\0"}), postgres()) == (
        "wrong_shape",
        "column b: 1 texts hold a NUL character, which Postgres cannot keep",
    )
    assert warehouse.run("SELECT * FROM t") == [("x", "y")]


def test_what_is_finer_than_a_microsecond_is_refused(worker, warehouse):
    """Rather than rounded."""
    source = parquet_of(worker, "SELECT '2026-01-02 03:04:05.123456789'::TIMESTAMP_NS AS at")
    kind, message = worker.fail(source, postgres())
    assert (kind, "column at: 2026-01-02 03:04:05.123456789 is finer than a microsecond" in message) == (
        "source_malformed",
        True,
    )


def test_no_rows_at_all(worker, warehouse):
    """A replaced table keeps its columns, an appended one everything, and none is made out of nothing."""
    assert worker.load(inline(), postgres("none")) == 0
    assert warehouse.run("SELECT to_regclass('none')") == [(None,)]
    worker.load(INLINE, postgres())
    assert worker.load(inline(), APPEND) == 0
    assert warehouse.run("SELECT * FROM t") == [(1,), (2,)]
    assert worker.load(inline(), postgres()) == 0
    assert (warehouse.run("SELECT * FROM t"), types(warehouse)) == ([], {"a": "bigint"})


def test_rows_are_tagged_with_their_run(worker, warehouse):
    """By the column that the config names."""
    one = order(INLINE, {**APPEND, "load_id_column": "_run"})
    worker.say(one)
    worker.answer()
    assert warehouse.run("SELECT DISTINCT _run FROM t") == [(one.run_id,)]


@pytest.mark.parametrize("name", ['a"b', "'; DROP TABLE keep; --", "select", "naïve tàble", "public.t"])
def test_a_name_is_only_a_name(worker, warehouse, name):
    """Of a table and of a column, whatever is in it."""
    worker.load(INLINE, postgres("keep"))
    worker.load(inline({name: 1}), postgres(name))
    tables = warehouse.run(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename IN ('keep', $1)",
        name,
    )
    assert sorted(tables) == sorted([("keep",), (name,)])


@pytest.mark.parametrize(
    ("loader", "kind", "said"),
    [
        (postgres("v"), "target_unusable", "public.v is a view, not a table"),
        (postgres(schema_name="nowhere"), "target_unusable", 'schema "nowhere" does not exist'),
        (postgres(write_disposition="merge", primary_key=["x"]), "wrong_shape", "primary_key names x"),
        (
            postgres(write_disposition="merge", primary_key=["a"], merge={"order_by": "x"}),
            "wrong_shape",
            "merge.order_by names x, the columns are a",
        ),
        (
            postgres(write_disposition="merge", primary_key=["a"], merge={"delete_column": "x"}),
            "wrong_shape",
            "merge.delete_column names x, the columns are a",
        ),
    ],
)
def test_what_cannot_be_is_named(worker, warehouse, loader, kind, said):
    """The object, the word."""
    warehouse.run("CREATE VIEW v AS SELECT 1 AS a; SELECT 1")
    failed = worker.fail(INLINE, loader)
    assert (failed[0], said in failed[1]) == (kind, True), failed


def test_a_column_name_that_would_be_cut_is_refused(worker, warehouse):
    """Two could become one."""
    kind, message = worker.fail(inline({"x" * 64: 1}), postgres())
    assert (kind, "longer than 63 bytes" in message) == ("wrong_shape", True)


def test_more_bytes_than_allowed_end_the_load(worker, warehouse):
    """Before the database hears of it; the error names the limit, and the next load goes on."""
    source = parquet_of(worker, "SELECT md5(i::VARCHAR) AS x FROM range(100000) AS t(i)")
    assert worker.fail(source, postgres(), limits=LoadLimits(spool_bytes_max=1_000_000)) == (
        "wrong_shape",
        "the rows take more than 1000000 bytes on their way to Postgres",
    )
    assert worker.load(source, postgres()) == 100_000


def test_types_from_a_sample_may_turn_out_wrong(worker, warehouse):
    """The database hears of the right ones only."""
    lines = ["a"] + [str(n) for n in range(300_000)] + ["x"]
    (worker.data_dir / "late.csv").write_text("\n".join(lines) + "\n")
    assert worker.load({"type": "csv", "path": "late.csv"}, postgres()) == 300_001
    assert types(warehouse) == {"a": "text"}
