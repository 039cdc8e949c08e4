"""What SQL of a user can do inside a real worker: read the target's tables, and nothing else."""

import os

import duckdb
import pytest
from support.target_engine import target_engine
from support.worker_process import table, worker_process

from orc_executor.engine import ENGINE_MEMORY_SHARE
from orc_executor.worker_settings import WorkerSettings

ROWS = {"type": "inline", "rows": [{"id": 1}, {"id": 2}]}
LOCKED = {
    "enable_external_access": "false",
    "lock_configuration": "true",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "others.csv").write_text("hush-hush\n1\n")
    (folder.parent / "outside.csv").write_text("hush-hush\n1\n")
    duckdb.connect(str(folder / "others.duckdb")).close()
    with worker_process(folder, ORC_SECRET_TOKEN="hush-hush") as worker:
        worker.load(ROWS, table())
        yield worker


FORBIDDEN = [
    # Files, those of others and those outside, by function and by name alone; the environment; the network.
    "SELECT * FROM read_text('{folder}/others.csv')", "SELECT * FROM read_blob('{folder}/../outside.csv')",
    "SELECT * FROM read_csv('{folder}/others.csv')", "SELECT * FROM '{folder}/others.csv'",
    "SELECT * FROM read_duckdb('{folder}/others.duckdb')", "SELECT * FROM '{folder}/others.duckdb'",
    "SELECT * FROM glob('{folder}/*')", "SELECT * FROM glob('/etc/*')", "SELECT * FROM sniff_csv('{folder}/others.csv')",
    "SELECT * FROM parquet_metadata('{folder}/*')", "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')", "SELECT * FROM 'https://127.0.0.1:1/x.parquet'",
    "SELECT getenv('ORC_SECRET_TOKEN')", "SELECT * FROM query('SELECT * FROM glob(''{folder}/*'')')",
    "SELECT id, (SELECT content FROM read_text('{folder}/others.csv')) FROM t",
    "SELECT count(*) FROM read_csv('{folder}/others.csv')", "SELECT 1 WHERE EXISTS (FROM glob('{folder}/*'))",
    "WITH f AS MATERIALIZED (FROM read_text('{folder}/others.csv')) SELECT * FROM f",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM glob(''{folder}/*'')'))",
    # The engine itself.
    "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()", "SELECT * FROM duckdb_databases()",
    "SELECT * FROM enable_logging()", "SELECT * FROM enable_logging(storage='file', storage_path='{folder}/')",
    "SELECT * FROM duckdb_extensions()", "SELECT * FROM checkpoint()", "SELECT * FROM force_checkpoint('target')",
    "SELECT * FROM truncate_duckdb_logs()", "SELECT * FROM duckdb_temporary_files()", "SELECT * FROM which_secret('a', 'http')",
    # Statements that are no SELECT, alone or inside one.
    "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "SELECT 1; DROP TABLE t",
    "WITH more AS (INSERT INTO t VALUES (3) RETURNING *) SELECT * FROM more", "SELECT 1) AS _orc_row; DROP TABLE t; --",
    "SELECT * INTO u FROM t", "WITH a AS (SELECT 1) INSERT INTO t SELECT 3", "SELECT 1 AS a) AS x, (SELECT 2 AS b",
    "SELECT 1 /*", "SELECT '", 'SELECT "', "SELECT $$",
]  # fmt: skip


@pytest.mark.parametrize("query", FORBIDDEN)
def test_a_query_of_a_check_that_reaches_further(worker, query):
    """It fails the load, and what it reached for is in no message; the table is as it was."""
    check = {"type": "sql", "query": query.format(folder=worker.data_dir), "severity": "warn"}
    kind, message = worker.fail(ROWS, table(write_disposition="append", checks=[check]))
    assert (kind, "hush-hush" in message) == ("checks_failed", False)
    assert worker.rows() == [(1,), (2,)]
    assert not list(worker.data_dir.glob("*log*"))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t WHERE id > 9", "SELECT id FROM t GROUP BY id HAVING count(*) > 1", "SELECT 1 WHERE false",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n WHERE i > 9",
        "SELECT * FROM (VALUES (1)) AS v(a) WHERE a NOT IN (FROM t)", "FROM range(3) AS r(i) ANTI JOIN range(9) AS s(i) USING (i)",
        "SELECT id, row_number() OVER (ORDER BY id) AS n FROM t QUALIFY n > 9",
        "SELECT unnest(generate_series(1, id)) AS x FROM t WHERE id > 9 ORDER BY x LIMIT 3; ",
        "SELECT * FROM t AS a ASOF JOIN t AS b ON a.id >= b.id WHERE a.id > 9", "SELECT id FROM t EXCEPT SELECT id FROM t",
        "SELECT 'a' WHERE (SELECT max(id) FROM t) > 9 -- the end",
        "SELECT column_name FROM information_schema.columns WHERE table_name = 't' AND data_type <> 'BIGINT'",
        "SELECT 1 FROM t, LATERAL (SELECT t.id + 1 AS m) WHERE m > 9", "SELECT task_id FROM _orc.receipts WHERE rows < 0",
        "SELECT * FROM t TABLESAMPLE reservoir(3 ROWS) WHERE id > 9", "PIVOT t ON id IN (1, 2) USING count(*) LIMIT 0",
    ],
)  # fmt: skip
def test_a_query_of_a_check_that_reads_tables(worker, query):
    """Whatever SELECT can do with them."""
    if query.startswith(("FROM", "PIVOT")):
        # It must begin as a reading statement does.
        query = f"SELECT * FROM ({query})"
    assert worker.load(ROWS, table(checks=[{"type": "sql", "query": query}])) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{outside}/x.csv'", "COPY (SELECT 1) TO '/dev/stdout'", "EXPORT DATABASE '{outside}/x'",
        "ATTACH '{outside}/x.duckdb'", "CONNECT '{outside}/x'", "SELECT * FROM glob('{outside}/*')",
        "SELECT * FROM read_duckdb('{outside}/x.duckdb')", "SELECT * FROM read_blob('/proc/self/mem')",
        "LOAD httpfs", "INSTALL httpfs", "FORCE INSTALL httpfs FROM community", "LOAD '{outside}/x.duckdb_extension'",
        "SET threads = 1", "RESET lock_configuration", "SET SESSION temp_directory = '{outside}'", "SET GLOBAL memory_limit = '1TB'",
        "PRAGMA memory_limit = '1TB'", "PRAGMA enable_profiling = 'json'", "CALL enable_logging(storage = 'file')",
        "SET allowed_paths = ['/etc/passwd']", "SET secret_directory = '{outside}'",
        "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')", "IMPORT DATABASE '{outside}/x'",
    ],
)  # fmt: skip
def test_what_the_engine_itself_refuses(tmp_path, statement):
    """Even a statement that had slipped through as it stands."""
    inside, outside = tmp_path / "in", tmp_path
    inside.mkdir()
    with target_engine(inside) as engine, pytest.raises(duckdb.Error):
        engine.run(statement.format(outside=outside))
    assert list(outside.iterdir()) == [inside]


def test_the_settings_of_the_engine(tmp_path):
    """They are as documented, and within the folders that a worker needs."""
    with target_engine(tmp_path) as engine:
        found = dict(engine.run("SELECT name, value FROM duckdb_settings()"))
    assert {name: found[name] for name in LOCKED} == LOCKED
    asked = WorkerSettings(data_dir=tmp_path)
    assert int(found["threads"]) == asked.threads
    assert found["max_temp_directory_size"] == f"{asked.worker_scratch_bytes_max / 1024**3:.1f} GiB"
    memory = int(asked.worker_memory_bytes_max * ENGINE_MEMORY_SHARE)
    assert found["memory_limit"] == f"{memory * 10 // 1024**3 / 10:.1f} GiB"
    folders = [folder.strip() for folder in found["allowed_directories"].strip("[]").split(",")]
    # The scratch folder, which has no other name where descriptors have one.
    assert all(folder.startswith((str(tmp_path), f"/proc/{os.getpid()}/fd/")) for folder in folders)
