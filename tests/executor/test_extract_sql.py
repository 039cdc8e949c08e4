"""Rows of a Postgres database: what of them arrives, and what is refused."""

from datetime import UTC, datetime

import pytest
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import DISCARD, table

from orc_domain.run_messages import RunWindow
from orc_executor.frames import LoadLimits


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        yield worker


def sql(query=None, **more):
    return {"type": "sql", "connection": CONNECTION, **({"query": query} if query else {}), **more}


@pytest.mark.parametrize(
    ("value", "type_", "came"),
    [
        ("true", "BOOLEAN", "true"),
        ("'-32768'::int2", "SMALLINT", "-32768"),
        ("9223372036854775807::int8", "BIGINT", "9223372036854775807"),
        ("4294967295::oid", "UINTEGER", "4294967295"),
        ("0.1::float4", "FLOAT", "0.1"),
        ("'NaN'::float8", "DOUBLE", "nan"),
        ("'-Infinity'::float8", "DOUBLE", "-inf"),
        ("1e300::float8", "DOUBLE", "1e+300"),
        ("12345678901234567890123456789.123456789::numeric", "DECIMAL(38,9)", "12345678901234567890123456789.123456789"),
        ("1.500000000000000::numeric", "DECIMAL(38,9)", "1.500000000"),
        ("''::text", "VARCHAR", ""),
        (r"""E'a\r\nb\t"c",\\.\'d'""", "VARCHAR", "a\r\nb\t\"c\",\\.'d"),
        (r"'\.'::text", "VARCHAR", r"\."),
        ("repeat('x', 3000000)", "VARCHAR", "x" * 3000000),
        ("'ab'::char(4)", "VARCHAR", "ab  "),
        (r"'\x00ff'::bytea", "BLOB", r"\x00\xFF"),
        ("''::bytea", "BLOB", ""),
        ("'2026-01-02'::date", "DATE", "2026-01-02"),
        ("'0044-03-15 BC'::date", "DATE", "0044-03-15 (BC)"),
        ("'infinity'::date", "DATE", "infinity"),
        ("'12026-01-02'::date", "DATE", "12026-01-02"),
        ("'24:00:00'::time", "TIME", "24:00:00"),
        ("'04:05:06.789+02'::timetz", "VARCHAR", "04:05:06.789+02"),
        ("'2026-01-02 03:04:05.678901'::timestamp", "TIMESTAMP", "2026-01-02 03:04:05.678901"),
        ("'0044-03-15 01:02:03 BC'::timestamp", "TIMESTAMP", "0044-03-15 (BC) 01:02:03"),
        ("'-infinity'::timestamptz", "TIMESTAMP WITH TIME ZONE", "-infinity"),
        ("'2026-01-02 03:04:05.678+02'::timestamptz", "TIMESTAMP WITH TIME ZONE", "2026-01-02 01:04:05.678+00"),
        ("'1 year 2 mons -3 days 04:05:06.789'::interval", "INTERVAL", "1 year 2 months -3 days 04:05:06.789"),
        ("'-1 year 3 days -00:00:01'::interval", "INTERVAL", "-1 year 3 days -00:00:01"),
        ("'0'::interval", "INTERVAL", "00:00:00"),
        ("'c4f9a1de-0000-4000-8000-000000000001'::uuid", "UUID", "c4f9a1de-0000-4000-8000-000000000001"),
        ("'{\"b\": 1.10, \"a\": \"x\"}'::json", "JSON", '{"b": 1.10, "a": "x"}'),
        ("'{\"b\": 12345678901234567890.5}'::jsonb", "JSON", '{"b": 12345678901234567890.5}'),
        ("'{1,NULL,-3}'::int8[]", "BIGINT[]", "[1, NULL, -3]"),
        ("ARRAY['a,b', NULL, '', '\"']", "VARCHAR[]", "['a,b', NULL, '', '\"']"),
        ("ARRAY['NaN', '1.5']::float8[]", "DOUBLE[]", "[nan, 1.5]"),
        ("ARRAY['2026-01-02 03:04:05+02']::timestamptz[]", "TIMESTAMP WITH TIME ZONE[]", "['2026-01-02 01:04:05+00']"),
        ("'{}'::text[]", "VARCHAR[]", "[]"),
        ("ARRAY[1.10]::numeric[]", "JSON", "[1.10]"),
        ("ROW(1, 'x')", "JSON", '{"f1":1,"f2":"x"}'),
        ("'10.0.0.1/8'::inet", "VARCHAR", "10.0.0.1/8"),
        ("'[1,5)'::int4range", "VARCHAR", "[1,5)"),
        ("'12.34'::money", "VARCHAR", "$12.34"),
        ("B'101'", "VARCHAR", "101"),
        ("'happy'::mood", "VARCHAR", "happy"),
        ("5::small_number", "INTEGER", "5"),
    ],
)  # fmt: skip
def test_every_type_arrives_as_it_is(worker, warehouse, value, type_, came):
    """With a null beside it, and the same value alone and among others."""
    warehouse.run(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN small_number AS int CHECK (value < 10)"
    )
    for query in (
        f"SELECT {value} AS v UNION ALL SELECT NULL",
        f"SELECT 1 AS n, {value} AS v UNION ALL SELECT 2, NULL",
    ):
        assert worker.load(sql(query), table()) == 2
        assert worker.types()["v"] == type_
        with_zone = "SELECT v::VARCHAR FROM t" if "ZONE" not in type_ else _in_utc(type_)
        assert worker.rows(with_zone) == [(came,), (None,)]


def _in_utc(type_):
    if type_.endswith("[]"):
        return "SELECT list_transform(v, lambda x: (x AT TIME ZONE 'UTC')::VARCHAR || '+00')::VARCHAR FROM t"
    return "SELECT CASE WHEN isfinite(v) THEN (v AT TIME ZONE 'UTC')::VARCHAR || '+00' ELSE v::VARCHAR END FROM t"


def test_a_tables_numbers_have_the_digits_it_says(worker, warehouse):
    """What says nothing, or more than DuckDB has, is checked value by value."""
    warehouse.run("CREATE TABLE n (a numeric(18,2), b numeric, c numeric(50,2), d numeric(5,0))")
    warehouse.run("INSERT INTO n VALUES (1.50, 2.5, 3.25, 4)")
    assert worker.load(sql(table="n"), table()) == 1
    assert worker.types() == {
        "a": "DECIMAL(18,2)", "b": "DECIMAL(38,9)", "c": "DECIMAL(38,9)", "d": "DECIMAL(5,0)",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["0.0000000001", "1e30", "'NaN'"])
def test_a_number_that_would_be_rounded_is_refused(worker, warehouse, value):
    """Unless the config says what it may become."""
    query = f"SELECT {value}::numeric AS amount"
    kind, message = worker.fail(sql(query), table())
    assert kind == "source_malformed"
    assert "column amount: " in message
    assert message.endswith(" is no DECIMAL(38,9): say what it is in columns, VARCHAR or DOUBLE at need")
    worker.load(sql(query, columns={"AMOUNT": "VARCHAR"}), table())
    assert worker.types() == {"amount": "VARCHAR"}


@pytest.mark.parametrize(
    ("value", "type_", "came"),
    [
        ("'{{1,2},{3,4}}'::int[]", "JSON", "[[1,2],[3,4]]"),
        ("'5874897-12-31'::date", "VARCHAR", "5874897-12-31"),
        ("'{1.5}'::text[]", "DOUBLE[]", "[1.5]"),
    ],
)
def test_what_has_no_counterpart_fails_until_the_config_says_what_it_is(worker, value, type_, came):
    """Rather than to arrive as something else."""
    query = f"SELECT {value} AS v"
    if type_ == "JSON":
        assert worker.fail(sql(query), table())[0] in {"source_malformed", "wrong_shape"}
    worker.load(sql(query, columns={"v": type_}), table())
    assert worker.rows("SELECT v::VARCHAR FROM t") == [(came,)]


def test_columns_are_cast_selected_and_renamed(worker, warehouse):
    """By their names in the source."""
    query = "SELECT 1 AS id, '2026-01-02' AS day, ARRAY['x'] AS tags, '\\x41'::bytea AS raw, 5 AS rest"
    config = sql(
        query,
        columns={"day": "DATE", "id": "VARCHAR", "raw": "VARCHAR"},
        select=["tags", "ID", "day", "raw"],
        rename={"id": "key"},
    )
    worker.load(config, table())
    assert worker.types() == {"tags": "VARCHAR[]", "key": "VARCHAR", "day": "DATE", "raw": "VARCHAR"}
    assert worker.rows("SELECT key, day::VARCHAR, raw FROM t") == [("1", "2026-01-02", "A")]


@pytest.mark.parametrize("name", ["plain", 'odd."Näme"', "wide"])
def test_a_table_is_named_with_or_without_its_schema(worker, warehouse, name):
    """And quoted where it holds dots."""
    warehouse.run(
        'CREATE SCHEMA "odd.""Näme"""; CREATE TABLE "odd.""Näme"""."t.x" (a int); CREATE TABLE plain (a int)'
    )
    asked = {"plain": "plain", "wide": "public.plain"}.get(name, '"odd.""Näme"""."t.x"')
    assert worker.load(sql(table=asked), DISCARD) == 0


def test_rows_are_many_and_in_order(worker, warehouse):
    """Also with quoted newlines all over, which a reader in parallel could cut at."""
    query = r"""SELECT n, CASE n % 3 WHEN 0 THEN E'a"\n1,"x"\n' WHEN 1 THEN '' END AS t, repeat(E'\n"', n % 50) AS u
        FROM generate_series(1, 300000) AS s(n) ORDER BY n"""
    assert worker.load(sql(query), table()) == 300_000
    assert worker.rows(
        "SELECT count(*), count(t), sum(n), sum(length(u)), bool_and(n = rowid + 1) FROM t"
    ) == [(300_000, 200_000, 300_000 * 300_001 // 2, 2 * 6000 * sum(range(50)), True)]


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("SELEC 1", "wrong_shape", "syntax error"),
        ("SELECT 1; SELECT 2", "wrong_shape", "multiple commands"),
        ("SELECT 1) AS q; DROP TABLE victim; SELECT (1", "wrong_shape", "syntax error"),
        ("DELETE FROM victim", "wrong_shape", "returns no columns"),
        ("DELETE FROM victim RETURNING a", "wrong_shape", "syntax error"),
        ("WITH gone AS (DELETE FROM victim RETURNING a) SELECT * FROM gone", "wrong_shape", ""),
        ("SELECT nextval('counter')", "wrong_shape", "read-only transaction"),
        ("SELECT $1::int", "wrong_shape", "query has parameters"),
        ("SELECT 1 AS a, 2 AS a", "wrong_shape", "two columns that are called a"),
        ("SELECT * FROM nowhere", "source_missing", "nowhere"),
        ("SELECT nothing FROM victim", "wrong_shape", "nothing"),
        ("SELECT 1 / (a - 1) FROM victim", "source_malformed", "division by zero"),
        ("SHOW server_version", "wrong_shape", "syntax error"),
    ],
)
def test_a_query_is_one_that_reads(worker, warehouse, query, kind, said):
    """The server itself says what it is, in a transaction that cannot write."""
    warehouse.run("CREATE TABLE victim AS SELECT 1 AS a; CREATE SEQUENCE counter")
    failed = worker.fail(sql(query), DISCARD)
    assert (failed[0], said in failed[1]) == (kind, True), failed
    assert warehouse.run("SELECT * FROM victim") == [(1,)]


def test_a_comment_or_a_semicolon_at_the_end_changes_nothing(worker):
    """The query stands within another."""
    assert worker.load(sql("SELECT 1 AS a -- one"), DISCARD) == 1
    assert worker.load(sql("SELECT 1 AS a ;\n"), DISCARD) == 1


def test_more_bytes_than_allowed_end_the_copy(worker):
    """The error names the limit."""
    query = "SELECT n FROM generate_series(1, 100000000) AS s(n)"
    assert worker.fail(sql(query), DISCARD, limits=LoadLimits(spool_bytes_max=1_000_000)) == (
        "wrong_shape",
        "the query of the connection 'warehouse': more than 1000000 bytes",
    )
    assert worker.load(sql("SELECT 1 AS a"), DISCARD) == 1


def test_a_backfills_run_copies_what_lies_in_its_window(worker, warehouse):
    """The start included, the end not, whatever the state says."""
    warehouse.run(
        "CREATE TABLE e AS SELECT n, '2026-01-01'::timestamptz + n * interval '1 day' AS at FROM generate_series(0, 9) s(n)"
    )
    window = RunWindow(datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC))
    loader = table(write_disposition="append")
    config = sql(table="e", incremental={"cursor": "at"})
    worker.load(config, loader, window=window)
    assert worker.rows("SELECT n FROM t ORDER BY n") == [(2,), (3,)]
    kind, message = worker.fail(sql(table="e", incremental={"cursor": "n"}), loader, window=window)
    assert (kind, message) == ("wrong_shape", "the run has a window, and the cursor n is int4: no time")
