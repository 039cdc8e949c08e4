"""DuckDB files that were made to turn our statements into others: what they hold is refused, or does nothing."""

import duckdb
import pytest
from support.worker_process import table, worker_process

ROWS = {"type": "inline", "rows": [{"id": 1, "s": "a"}, {"id": 2, "s": "b"}]}
KEYED = {"write_disposition": "merge", "primary_key": ["id"]}
LEAKED = "read_text('{folder}/others.csv')"
"""What the worker may read, and whoever has the file may not."""


@pytest.fixture
def worker(tmp_path):
    (tmp_path / "others.csv").write_text("hush-hush\n")
    with worker_process(tmp_path) as worker:
        yield worker


def prepare(worker, *statements):
    with duckdb.connect(str(worker.data_dir / "out.duckdb")) as connection:
        for statement in statements:
            connection.execute(statement.replace("{folder}", str(worker.data_dir)))


T = "CREATE TABLE t (id BIGINT, s VARCHAR)"


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            (T, "CREATE TABLE leak (s VARCHAR)",
             f"CREATE TRIGGER x AFTER INSERT ON t FOR EACH STATEMENT INSERT INTO out.leak SELECT content FROM {LEAKED}"),
            "the trigger main.x",
        ),
        (("CREATE SCHEMA _orc", f"CREATE VIEW _orc.receipts AS SELECT content FROM {LEAKED}"), "the view _orc.receipts"),
        (("CREATE SCHEMA _ORC", f"CREATE VIEW _ORC.states AS SELECT content FROM {LEAKED}"), "the view _ORC.states"),
        (("CREATE TYPE json AS INTEGER",), "the type main.json"),
        ((T, "CREATE SCHEMA s", "CREATE TYPE s.JSON AS VARCHAR"), "the type s.JSON"),
    ],
)  # fmt: skip
def test_what_would_take_part_is_refused(worker, statements, said):
    """Triggers, views in the place of our tables, types of DuckDB's names: before anything is asked of them."""
    prepare(worker, *statements)
    kind, message = worker.fail(ROWS, table(**KEYED))
    assert (kind, message) == (
        "target_unusable",
        f"out.duckdb: it holds {said}, which would take part in loading: drop it",
    )
    tables = [name for (name,) in worker.rows("SELECT table_name FROM duckdb_tables() ORDER BY 1")]
    assert all(worker.rows(f"SELECT count(*) FROM {name}") == [(0,)] for name in tables)


@pytest.mark.parametrize("more", [{}, {"write_disposition": "append"}, KEYED])
def test_a_view_in_place_of_the_table_is_refused(worker, more):
    """Nothing is read through it, and nothing of what it reads is told."""
    prepare(worker, f"CREATE VIEW t AS SELECT 1::BIGINT AS id, content AS s FROM {LEAKED}")
    kind, message = worker.fail(ROWS, table(**more))
    assert (kind, message) == ("target_unusable", "out.duckdb: t is a view, not a table")


SHADOWS = [
    "CREATE MACRO {name}(x) AS 'evil'", "CREATE MACRO {name}(x, y) AS 'evil'", "CREATE MACRO {name}() AS 'evil'",
    "CREATE MACRO {name}(x, y, z) AS 'evil'",
]  # fmt: skip
CALLED = ("count", "md5", "lower", "left", "concat", "now", "unnest", "coalesce", "hash", "sum", "min", "starts_with",
          "row_number", "error", "epoch", "isfinite", "translate", "replace", "to_json", "struct_extract_at")  # fmt: skip


def test_macros_and_tables_of_our_names_do_nothing(worker):
    """Macros called like the functions that we call, tables like our temporary ones, schemas like our databases."""
    prepare(
        worker,
        *(shadow.format(name=f'"{name}"') for name in CALLED[:8] for shadow in SHADOWS[:1]),
        *(f"CREATE MACRO \"{name}\"(x) AS 'evil'" for name in CALLED[8:]),
        "CREATE MACRO duckdb_columns() AS TABLE SELECT 'evil' AS column_name, 'evil' AS data_type",
        "CREATE MACRO duckdb_tables() AS TABLE SELECT 'evil' AS table_name",
        "CREATE MACRO read_json(x) AS TABLE SELECT 'evil' AS evil",
        *(
            f"CREATE TABLE {name} (evil INTEGER)"
            for name in ("orc_staged", "orc_latest", "orc_merged", "orc_fresh")
        ),
        *(f"CREATE SCHEMA {name}" for name in ("temp", "memory", "target", "system", "pg_temp")),
        "CREATE TABLE target.main (evil INTEGER)",
        "CREATE TABLE memory.t (evil INTEGER)",
    )
    checks = [{"type": "unique", "columns": ["id"]}, {"type": "row_count", "min": 2, "max": 2}]
    for _ in range(2):
        assert worker.load(ROWS, table(**KEYED, checks=checks)) == 2
    nested = {"type": "inline", "rows": [{"id": 1, "l": [{"a": 1}]}]}
    assert worker.load(nested, table("n", nested="child_tables")) == 1
    assert worker.rows("SELECT id, s FROM t ORDER BY id") == [(1, "a"), (2, "b")]
    assert worker.rows("SELECT a FROM n__l") == [(1,)]
    empty = ("orc_staged", "orc_latest", "orc_merged", "orc_fresh", "target.main", "memory.t")
    assert [worker.rows(f"SELECT evil FROM {name}") for name in empty] == [[]] * len(empty)


def test_a_schema_called_memory_keeps_nothing_behind(worker):
    """After a query of a check the default database is ours again, not the file's schema of that name."""
    prepare(worker, "CREATE SCHEMA memory", "CREATE SCHEMA temp")
    check = {"type": "sql", "query": "SELECT id FROM t WHERE id > 9"}
    for _ in range(2):
        assert worker.load(ROWS, table(**KEYED, checks=[check])) == 2
    schemas = worker.rows("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL")
    assert [one for one in schemas if one[0] in {"memory", "temp"}] == []


@pytest.mark.parametrize("macro", ["lower(x) AS 'evil'", "\"LEFT\"(x, n) AS ''", "count(x) AS 0"])
def test_a_macro_cannot_answer_for_a_check(worker, macro):
    """A query of a check would call it in place of DuckDB's own: the load fails, saying which it is."""
    prepare(worker, f"CREATE MACRO {macro}")
    check = {"type": "sql", "query": "SELECT id FROM t WHERE lower(s) = 'a'"}
    kind, message = worker.fail(ROWS, table(checks=[check]))
    name = macro.partition("(")[0].strip('"')
    assert kind == "checks_failed"
    assert f"the file has a macro {name}, the name of a function of DuckDB's own: drop it" in message


@pytest.mark.parametrize(
    "query", ["SELECT * FROM leak", "SELECT * FROM t WHERE s = leaked()", "SELECT * FROM leaking()"]
)
def test_what_a_check_reads_through_the_file_is_tables(worker, query):
    """A view or a macro that reads other people's files is found out, and nothing of them is told."""
    prepare(
        worker,
        f"CREATE VIEW leak AS SELECT * FROM {LEAKED}",
        f"CREATE MACRO leaked() AS (SELECT content FROM {LEAKED})",
        f"CREATE MACRO leaking() AS TABLE SELECT * FROM {LEAKED}",
    )
    kind, message = worker.fail(ROWS, table(checks=[{"type": "sql", "query": query}]))
    # Where all that is read has a name in the scratch folder the engine itself lets it reach nothing else.
    reasons = "it reads read_text, not the target's tables alone", "operations are disabled by configuration"
    assert (kind, any(reason in message for reason in reasons)) == ("checks_failed", True)
    assert "hush-hush" not in message
