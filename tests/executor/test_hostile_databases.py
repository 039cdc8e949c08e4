"""Postgres databases in which somebody else has put things where our statements might look."""

import pytest
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import table

ROWS = {"type": "inline", "rows": [{"id": 1, "v": 1}, {"id": 2, "v": 2}]}


@pytest.fixture
def worker(tmp_path, warehouse):
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        yield worker


def put(name, **more):
    return {"type": "postgres", "connection": CONNECTION, "table_name": name, **more}


def search(warehouse, path):
    """Let every session of the database look for names there."""
    ((name,),) = warehouse.run("SELECT current_database()")
    warehouse.run(f'ALTER DATABASE "{name}" SET search_path = {path};')


def test_a_table_like_our_temporary_one(worker, warehouse):
    """Where the path has `pg_temp` last, a table called as ours is in its stead neither read nor written."""
    warehouse.run(
        "CREATE TABLE orc_staged (id bigint, v bigint, _orc_row bigint, _orc_deleted boolean);"
        "INSERT INTO orc_staged VALUES (9, 9, 1, false); CREATE TABLE orc_latest AS TABLE orc_staged;"
    )
    search(warehouse, "public, pg_temp")
    for more in ({}, {}, {"write_disposition": "merge", "primary_key": ["id"]}):
        name = "m" if more else "t"
        assert worker.load(ROWS, put(name, **more)) == 2
        assert warehouse.run(f"SELECT id, v FROM public.{name} ORDER BY id") == [(1, 1), (2, 2)]
    for name in ("orc_staged", "orc_latest"):
        assert warehouse.run(f"SELECT id FROM public.{name}") == [(9,)]


def test_functions_that_fit_our_calls_better(worker, warehouse):
    """They are not called: ours name the schema, wherever the path begins."""
    warehouse.run(
        "CREATE TABLE called (name text);"
        "CREATE FUNCTION hashtextextended(text, integer) RETURNS bigint LANGUAGE sql AS "
        "$$ INSERT INTO public.called VALUES ('hash'); SELECT 1::bigint $$;"
        "CREATE FUNCTION to_json(integer[]) RETURNS json LANGUAGE sql AS $$ SELECT '[666]'::json $$;"
        "CREATE TABLE source AS SELECT ARRAY[1, 2] AS a;"
    )
    assert worker.load(ROWS, put("t")) == 2
    source = {"type": "sql", "connection": CONNECTION, "table": "public.source"}
    assert worker.load(source, table()) == 1
    assert (warehouse.run("TABLE called"), worker.rows()) == ([], [([1, 2],)])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; DROP TABLE canary", "DELETE FROM canary RETURNING a", "INSERT INTO canary VALUES (2) RETURNING a",
        "WITH gone AS (DELETE FROM canary RETURNING a) SELECT * FROM gone", "SELECT * INTO other FROM canary",
        "SELECT 1) TO STDOUT; DROP TABLE canary; COPY (SELECT 1", "SELECT 1) AS asked; DROP TABLE canary; SELECT (1",
        "SELECT set_config('transaction_read_only', 'off', true)", "SELECT nextval('counter')",
        "SELECT wipe()", "SELECT lo_create(0)", "EXECUTE x", "CALL wiping()", "SELECT 1 -- \n; DROP TABLE canary",
        "SELECT a FROM canary FOR UPDATE", "SELECT $1::int", "EXPLAIN ANALYZE DELETE FROM canary", "SHOW data_directory",
    ],
)  # fmt: skip
def test_a_query_can_only_read(worker, warehouse, query):
    """More than one statement, or one that writes, by whatever way: refused, and nothing changed."""
    warehouse.run(
        "CREATE TABLE canary AS SELECT 1 AS a; CREATE SEQUENCE counter;"
        "CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS $$ DELETE FROM canary RETURNING 1 $$;"
        "CREATE PROCEDURE wiping() LANGUAGE sql AS $$ DELETE FROM canary $$;"
    )
    kind, _ = worker.fail({"type": "sql", "connection": CONNECTION, "query": query}, table())
    assert kind in {"wrong_shape", "source_refused"}
    assert warehouse.run("SELECT a, (SELECT is_called FROM counter) FROM canary") == [(1, False)]


def test_a_query_ends_with_its_task(worker):
    """Whatever it sets its own limit to."""
    query = "SELECT set_config('statement_timeout', '0', false), pg_sleep(600)"
    kind, _ = worker.fail(
        {"type": "sql", "connection": CONNECTION, "query": query}, table(), task_timeout_seconds=1.0
    )
    # Whoever is first: the server, told at the beginning, or the worker.
    assert kind in {"task_timeout", "source_unavailable"}
