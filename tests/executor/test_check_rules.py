"""What each check of a loader asks of a table, in the open transaction of a load."""

import time

import duckdb
import pytest
from support.target_engine import target_engine

from orc_domain.loaders.checks import AcceptedValues, Freshness, NotNull, RowCount, SqlAssertion, Unique
from orc_executor.errors import ChecksFailed
from orc_executor.loaders.checks.running import run_checks

TABLE = 'target.main."t"'


@pytest.fixture
def engine(tmp_path):
    """Attach an empty target, a transaction open."""
    with target_engine(tmp_path) as engine:
        engine.run("BEGIN")
        yield engine


def rows(engine, values, columns="id, s"):
    """Make the table, uncommitted as the rows of a load are."""
    engine.run(f"CREATE OR REPLACE TABLE {TABLE} AS SELECT * FROM (VALUES {values}) AS given({columns})")


def faults(engine, *checks, loaded=0, relation=TABLE):
    """Return the message without its head, None when every check is met."""
    try:
        assert run_checks(checks, relation, loaded, engine) == []
    except ChecksFailed as failed:
        return failed.message.removeprefix("the table is left as it was: ")
    return None


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (RowCount(min=2, max=2), None),
        (RowCount(min=3), "checks[0] row_count: 2 rows loaded, at least 3 must be"),
        (RowCount(max=1), "checks[0] row_count: 2 rows loaded, at most 1 may be"),
    ],
)
def test_row_count(engine, check, fault):
    """It counts the rows of the run, not those of the table."""
    rows(engine, "(1, 'x')")
    assert faults(engine, check, loaded=2) == fault


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (NotNull(("ID",)), None),
        (NotNull(("s", "id")), "checks[0] not_null(s, id): s is null in 2 rows"),
        (Unique(("id", "s")), "checks[0] unique(id, s): 1 key stands twice, such as id = 7, s = a"),
        (Unique(("id",)), "checks[0] unique(id): 2 keys stand twice, such as id = 7 and id = 8"),
        (Unique(("empty",)), None),
        (AcceptedValues("s", ("a", "b")), None),
        (AcceptedValues("S", ("b",)), "checks[0] accepted_values(S): 3 rows with another value, such as a"),
        (
            AcceptedValues("id", ("x",)),
            "checks[0] accepted_values(id): 5 rows with another value, such as 7, 8, 9",
        ),
        (AcceptedValues("none", ("x",)), None),
        (
            NotNull(("s", "nope", "no")),
            "checks[0] not_null(s, nope, no): there is no column nope, no; the columns are id, s, empty, none",
        ),
        (
            Unique(("nope",)),
            "checks[0] unique(nope): there is no column nope; the columns are id, s, empty, none",
        ),
        (
            AcceptedValues("nope", (1,)),
            "checks[0] accepted_values(nope): there is no column nope; the columns are id, s, empty, none",
        ),
        (
            Freshness("nope", 1),
            "checks[0] freshness(nope): there is no column nope; the columns are id, s, empty, none",
        ),
        (Freshness("id", 1), "checks[0] freshness(id): id is INTEGER, neither a date nor a timestamp"),
    ],
)
def test_values(engine, check, fault):
    """Null is no duplicate and no other value; columns are named in any case; a missing one is told with those there."""
    rows(
        engine,
        "(7, 'a', NULL, NULL::INTEGER), (7, 'a', NULL, NULL), (8, NULL, NULL, NULL), (8, 'a', 'x', NULL),"
        " (9, NULL, 'y', NULL)",
        "id, s, empty, none",
    )
    assert faults(engine, check) == fault


@pytest.mark.parametrize(
    ("type_", "stored", "values", "is_accepted"),
    [
        ("INTEGER", "1", (1,), True),
        ("INTEGER", "1", ("1",), True),
        ("INTEGER", "1", (1.0,), True),
        ("INTEGER", "1", (True,), False),
        ("INTEGER", "1", (1.5,), False),
        ("TINYINT", "1", (10**40, "x", "1e999999", 1), True),
        ("TINYINT", "2", (10**40, 1), False),
        ("UHUGEINT", str(2**128 - 1), (2**128 - 1,), True),
        ("HUGEINT", str(-(2**127)), (-(2**127),), True),
        ("DECIMAL(5,2)", "1.50", (1.5,), True),
        ("DECIMAL(5,2)", "1.51", (1.5,), False),
        ("DOUBLE", "0.1", (0.1,), True),
        ("FLOAT", "0.1", (0.1,), True),
        ("FLOAT", "0.1", ("nan", 1e39, "1e999"), False),
        ("BOOLEAN", "true", (True,), True),
        ("BOOLEAN", "true", (False, 1), False),
        ("VARCHAR", "'1'", (1,), True),
        ("VARCHAR", "'it''s'", ("it's",), True),
        ("DATE", "'2026-01-02'", ("2026-01-02",), True),
        ("UUID", "'00000000-0000-0000-0000-000000000001'", ("x",), False),
    ],
)
def test_accepted_values_of_every_type(engine, type_, stored, values, is_accepted):
    """Numbers are compared as numbers and all else as text; a value that the type cannot hold is no fault of the table."""
    rows(engine, f"(CAST({stored} AS {type_}))", "v")
    assert (faults(engine, AcceptedValues("v", values)) is None) == is_accepted


@pytest.mark.parametrize(
    "type_",
    ["DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ", "TIMESTAMPTZ_NS"],
)
def test_freshness_of_every_type(engine, type_):
    """The latest value counts, an endless one aside; a timestamp without zone is UTC, a date its first moment."""
    make = "make_timestamptz" if "TZ" in type_ else "make_timestamp"
    latest = f"CAST({make}({int(time.time() - 90_000) * 1_000_000}) AS {type_})"
    rows(engine, f"({latest}), (NULL), (CAST('1970-01-01' AS {type_}))", "seen")
    if type_ != "TIMESTAMPTZ_NS":
        engine.run(f"INSERT INTO {TABLE} VALUES ('infinity')")
    assert faults(engine, Freshness("seen", 90_000 + 86_400)) is None
    assert "s old, at most 60 s is allowed" in faults(engine, Freshness("seen", 60))


@pytest.mark.parametrize("values", ["(NULL::TIMESTAMP)", "('infinity'::TIMESTAMP)"])
def test_no_value_is_not_fresh(engine, values):
    """Nor is a table without rows, nor an end of time that somebody wrote for `never`."""
    rows(engine, values, "seen")
    fault = "checks[0] freshness(seen): there is no value"
    assert faults(engine, Freshness("seen", 1e9)) == fault
    engine.run(f"DELETE FROM {TABLE}")
    assert faults(engine, Freshness("seen", 1e9)) == fault


def test_a_table_that_was_never_made(engine):
    """It is one without rows: nothing in it is wrong, and nothing fresh."""
    checks = [NotNull(("a",)), Unique(("a",)), AcceptedValues("a", (1,)), Freshness("a", 1)]
    assert faults(engine, *checks) == "checks[3] freshness(a): there is no table"


def test_everything_is_told_together(engine):
    """Every check is evaluated, each with its place, before one fails; a warning is returned when none does."""
    rows(engine, "(1, 'a'), (1, NULL)")
    checks = [
        RowCount(min=5, severity="warn"),
        Unique(("id",)),
        NotNull(("s",)),
        SqlAssertion("SELECT id FROM t WHERE s IS NULL;", name="no holes"),
    ]
    assert faults(engine, *checks, loaded=2) == (
        "checks[1] unique(id): 1 key stands twice, such as id = 1; "
        "checks[2] not_null(s): s is null in 1 row; "
        "checks[3] sql(no holes): it returns rows, such as {'id': 1}"
    )
    assert run_checks([checks[0], NotNull(("s",), "warn"), NotNull(("id",))], TABLE, 2, engine) == [
        "checks[0] row_count: 2 rows loaded, at least 5 must be",
        "checks[1] not_null(s): s is null in 1 row",
    ]


def test_examples_are_few_and_short(engine):
    """However many and long the values are."""
    rows(engine, ", ".join(f"(1, '{n}{'x' * 500}')" for n in (1, 2, 3, 4)))
    cut = "x" * 62 + "…"
    assert faults(engine, AcceptedValues("s", ("a",))) == (
        f"checks[0] accepted_values(s): 4 rows with another value, such as 1{cut}, 2{cut}, 3{cut}"
    )
    (row,) = [len(part) for part in faults(engine, SqlAssertion("SELECT s FROM t LIMIT 1")).split(" as ")[1:]]
    assert row == 128


@pytest.mark.parametrize("name", ['odd "t', "'; DROP TABLE t; --", "select", "Ünï"])
def test_names_are_only_names(engine, name):
    """Whatever a table and its columns are called."""
    quoted = '"' + name.replace('"', '""') + '"'
    relation = f"target.main.{quoted}"
    engine.run(f"CREATE TABLE {relation} ({quoted} TIMESTAMP)")
    engine.run(f"INSERT INTO {relation} VALUES ('2020-01-01'), ('2020-01-01')")
    checks = [Unique((name,)), AcceptedValues(name, (name,)), Freshness(name, 1), NotNull((name,))]
    assert faults(engine, *checks, relation=relation).count("2020-01-01") == 3


def test_a_query_sees_the_load_and_the_other_tables(engine):
    """Plain names are the target's tables, in the state that is about to be committed."""
    engine.run("CREATE TABLE target.main.customers AS SELECT 1 AS id")
    rows(engine, "(1, 'a'), (2, 'b')")
    query = "SELECT t.id FROM t ANTI JOIN customers USING (id) -- who is that"
    assert faults(engine, SqlAssertion(query)) == "checks[0] sql: it returns rows, such as {'id': 2}"
    assert faults(engine, SqlAssertion(query.replace("ANTI", "SEMI") + "\nWHERE t.id > 1")) is None
    assert engine.run("SELECT current_database()") == [("memory",)]


def test_a_query_of_values_that_python_cannot_hold(engine):
    """A time with a zone, an interval, an unnamed and a doubled column are shown as text."""
    query = "SELECT now(), 1 AS a, 2 AS a, INTERVAL 1 DAY AS i, 'infinity'::TIMESTAMPTZ AS z"
    said = faults(engine, SqlAssertion(query))
    assert said.endswith("'a': 1, 'a_1': 2, 'i': 1 day, 'z': infinity}")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT nope FROM t", 'Referenced column "nope" not found'),
        ("SELECT CAST(s AS INTEGER) FROM t", "Could not convert string 'a'"),
        ("SELECT 1; DROP TABLE t", "it is not one SELECT statement"),
        ("SELECT 1) AS x, (DELETE FROM t", "syntax error"),
        ("WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone", "data-modifying"),
        ("WITH gone AS (SELECT 1) DELETE FROM t", "it is not one SELECT statement"),
        ("SELECT 1 FROM t WHERE id = $1", "parameter"),
        ("SELECT * FROM read_text('/proc/self/environ')", "disabled by configuration"),
    ],
)
@pytest.mark.parametrize("severity", ["fail", "warn"])
def test_a_query_that_fails(engine, query, reason, severity):
    """It is a check that is not met, and fails the load whatever its severity: the transaction cannot go on."""
    engine.run("COMMIT")
    rows(engine, "(1, 'a')")
    engine.run("BEGIN")
    engine.run(f"INSERT INTO {TABLE} VALUES (2, 'b')")
    checks = [NotNull(("id",)), SqlAssertion(query, severity=severity), SqlAssertion("SELECT 1", name="next")]
    said = faults(engine, *checks)
    assert said.startswith("checks[1] sql: the query fails: ")
    assert reason in said
    assert said.endswith("; checks[2] sql(next): it was not run, as a query before it failed")
    engine.roll_back()
    assert engine.run(f"SELECT * FROM {TABLE}") == [(1, "a")]
    assert engine.run("SELECT current_database()") == [("memory",)]


def test_the_target_can_be_detached_afterwards(engine):
    """Whether a query was met or failed, the engine is as it was."""
    faults(engine, SqlAssertion("SELECT 1 WHERE false"))
    faults(engine, SqlAssertion("SELECT nope"))
    engine.run("DETACH target")
    engine.run("ATTACH ':memory:' AS target")
    with pytest.raises(duckdb.CatalogException):
        engine.run("SELECT * FROM t")
