"""Bad rows of CSV files: skipped or kept, each told once by file, line, reason and text, never more than are allowed."""

import gzip

import pytest
from support.worker_process import DISCARD, table, worker_process

QUARANTINE = "SELECT file, line, reason, row FROM _orc.quarantine ORDER BY file, line"
TWO = {"a": "BIGINT", "b": "VARCHAR"}


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


@pytest.fixture
def quarantined(worker):
    """Write files, load them into quarantine mode, and return the rows and the bad ones."""

    def quarantined(*contents, most=1000, name="x{}.csv", loader=None, **config):
        for number, content in enumerate(contents, 1):
            data = content if isinstance(content, bytes) else content.encode()
            (worker.data_dir / name.format(number)).write_bytes(data)
        config = {
            "type": "csv",
            "path": name.format("*"),
            "on_bad_rows": {"mode": "quarantine", "max": most},
            **config,
        }
        loaded = worker.load(config, loader or table())
        assert loaded == len(worker.rows())
        return worker.rows(), worker.rows(QUARANTINE)

    return quarantined


def test_every_kind_of_bad_row_is_told_with_its_line_and_its_text(quarantined):
    """Too few fields, too many, a value that its declared type does not hold, bytes that are no text, broken quotes."""
    content = b'a,b\n1,x\n2\n3,y,z\nq,7\n4,caf\xe9\n5,y\n6,"p"q\n7,z\n8,"open\n'
    rows, bad = quarantined(content, columns=TWO)
    assert rows == [(1, "x"), (5, "y"), (7, "z")]
    assert bad == [
        ("x1.csv", 3, "Expected Number of Columns: 2 Found: 1", "2"),
        ("x1.csv", 4, "Expected Number of Columns: 2 Found: 3", "3,y,z"),
        ("x1.csv", 5, "column a: q is not BIGINT", "q,7"),
        ("x1.csv", 6, "Invalid unicode (byte sequence mismatch) detected. This file is not utf-8 encoded.", "4,caf?"),
        ("x1.csv", 8, "Value with unterminated quote found.", '6,"p"q'),
        ("x1.csv", 10, "Value with unterminated quote found.", '8,"open\n'),
    ]  # fmt: skip


def test_lines_are_those_of_a_text_editor_in_each_of_several_files(quarantined):
    """Line ends inside quotes and blank lines count; line feeds, carriage returns and both; compressed or not."""
    text = 'a,b\n1,x\n\n\n2,"m\nn\no"\n\nfoo,z\n3,y\n4\n'
    _, bad = quarantined(text, text.replace("\n", "\r\n"), text.replace("\n", "\r"), columns=TWO)
    assert [row[:2] for row in bad] == [(f"x{n}.csv", line) for n in (1, 2, 3) for line in (9, 11)]
    assert [row[3] for row in bad] == ["foo,z", "4"] * 3


def test_lines_of_compressed_files_and_those_below_skipped_ones_are_right(quarantined):
    """The bytes that count are those of the text."""
    text = 'made by hand\n\na,b\n1,"x\ny"\n\nfoo,z\n'
    _, bad = quarantined(gzip.compress(text.encode()), name="x{}.csv.gz", columns=TWO, skip_lines=1)
    assert [row[:2] for row in bad] == [("x1.csv.gz", 7)]


def test_a_line_with_two_faults_counts_once(quarantined):
    """Its reasons stand side by side."""
    _, bad = quarantined("a,b\n1,x\nfoo,bar,baz\n", columns=TWO, most=1)
    assert bad == [
        ("x1.csv", 3, "Expected Number of Columns: 2 Found: 3; column a: foo is not BIGINT", "foo,bar,baz")
    ]


def test_a_fraction_in_a_declared_whole_number_is_a_bad_row(quarantined):
    """DuckDB would round it; other ways to write a whole number are fine."""
    values = ["1", "1.5", "1.0", "15e-1", "1e3", "007", "-0.3", "99999999999999999999", "x", "", "2"]
    content = "a,b\n" + "".join(f"{value},k\n" for value in values)
    rows, bad = quarantined(content, columns=TWO)
    assert [row[0] for row in rows] == [1, 1, 1000, 7, None, 2]
    assert [(line, reason) for _, line, reason, _ in bad] == [
        (3, "column a: 1.5 is not BIGINT"),
        (5, "column a: 15e-1 is not BIGINT"),
        (8, "column a: -0.3 is not BIGINT"),
        (9, "column a: 99999999999999999999 is not BIGINT"),
        (10, "column a: x is not BIGINT"),
    ]


@pytest.mark.parametrize("type_", ["TINYINT", "UBIGINT", "HUGEINT"])
def test_whole_numbers_of_every_width_are_held_to_their_range(quarantined, type_):
    """A value beyond it is a bad row, the largest is none."""
    largest = {"TINYINT": 2**7 - 1, "UBIGINT": 2**64 - 1, "HUGEINT": 2**127 - 1}[type_]
    rows, bad = quarantined(
        f"a,b\n{largest},x\n{largest + 1},y\n0.5,z\n", columns={"a": type_, "b": "VARCHAR"}
    )
    assert [str(row[0]) for row in rows] == [str(largest)]
    assert [row[1] for row in bad] == [3, 4]


def test_a_sampled_type_widens_rather_than_reject_rows(quarantined, worker):
    """Only ragged rows are bad where nobody said what a column holds."""
    content = "id,v\n" + "".join(f"{n},{n}\n" for n in range(30_000)) + "30000,1.5\n1,2,3\n30001,word\n"
    rows, bad = quarantined(content)
    assert len(rows) == 30_002
    assert list(worker.types().values()) == ["BIGINT", "VARCHAR"]
    assert [row[:2] for row in bad] == [("x1.csv", 30_003)]


def test_types_come_from_the_good_rows_even_where_duckdb_finds_no_dialect(quarantined, worker):
    """A quote that is broken at the beginning decides nothing."""
    content = 'a,b\n1,"p"q\n' + "".join(f"{n},2026-01-{n % 28 + 1:02d}\n" for n in range(100))
    rows, bad = quarantined(content)
    assert (len(rows), [row[1] for row in bad]) == (100, [2])
    assert list(worker.types().values()) == ["BIGINT", "DATE"]


def test_the_types_of_the_table_are_declared_ones(worker):
    """A row that does not fit the table appended to is put aside."""
    (worker.data_dir / "x1.csv").write_text("a,b\n1,2026-01-01\n")
    worker.load({"type": "csv", "path": "x1.csv", "columns": {"a": "INTEGER"}}, table())
    (worker.data_dir / "x1.csv").write_text("a,b\n2,2026-01-02\n2.5,2026-01-03\n3,soon\n")
    worker.load(
        {"type": "csv", "path": "x1.csv", "on_bad_rows": {"mode": "quarantine"}},
        table(write_disposition="append"),
    )
    rows, bad = worker.rows("SELECT a FROM t ORDER BY a"), worker.rows(QUARANTINE)
    assert rows == [(1,), (2,)]
    assert [row[1] for row in bad] == [3, 4]


def test_more_bad_rows_than_allowed_fail_the_load_whatever_keeps_it(worker):
    """The count and the first of them are told; the table is as it was."""
    worker.load({"type": "inline", "rows": [{"before": 1}]}, table())
    (worker.data_dir / "x.csv").write_text("a,b\n1,x\n2\n3\n4\n")
    for mode in ("skip", "quarantine"):
        config = {"type": "csv", "path": "x.csv", "on_bad_rows": {"mode": mode, "max": 2}}
        for loader in (table(), DISCARD):
            kind, message = worker.fail(config, loader)
            assert kind == "bad_rows"
            assert message == (
                "3 rows cannot be read, on_bad_rows.max is 2; the first: "
                "x.csv, line 3: Expected Number of Columns: 2 Found: 1"
            )
    assert worker.rows() == [(1,)]


def test_skipped_rows_are_counted_and_not_kept(worker):
    """By every loader, the one that keeps nothing as well."""
    (worker.data_dir / "x.csv").write_text("a,b\n1,x\n2\n3,y\n")
    config = {"type": "csv", "path": "x.csv", "on_bad_rows": {"mode": "skip"}}
    for loader in (table(), DISCARD):
        result = worker.perform(config, loader).result
        assert (result.rows, result.bad_rows) == (2, 1)
    assert worker.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'quarantine'") == [(0,)]


def test_a_line_too_long_for_a_row_is_a_bad_row(quarantined):
    """The reason names the limit."""
    _, bad = quarantined("a,b\n1," + "x" * 3_000_000 + "\n2,y\n", columns=TWO)
    assert [(line, reason[:46]) for _, line, reason, _ in bad] == [
        (2, "Maximum line size of 2000000 bytes exceeded. A")
    ]


@pytest.mark.parametrize("rows", [5_000, 3_000_000])
def test_an_open_quote_that_swallows_rows_fails_the_load(worker, rows):
    """DuckDB would go on somewhere behind it, and nobody could tell which rows are missing."""
    (worker.data_dir / "x.csv").write_text('a,b\n0,y\n1,"x\n' + "2,y\n" * rows)
    config = {"type": "csv", "path": "x.csv", "columns": TWO, "on_bad_rows": {"mode": "skip"}}
    for loader in (table(), DISCARD):
        kind, message = worker.fail(config, loader)
        assert (kind, message[:39]) == ("source_malformed", "x.csv, line 3: a quoted value that begi")


def test_a_decimal_comma_holds_in_whole_numbers_too(quarantined):
    """`1,0` is a whole number there, `1.000` may be a thousand and is refused."""
    rows, bad = quarantined(
        "a;b\n1,0;2,5\n1,5;1\n1.000;1\n7;1\n",
        columns={"a": "BIGINT", "b": "DOUBLE"}, delimiter=";", decimal_separator=",",
    )  # fmt: skip
    assert rows == [(1, 2.5), (7, 1.0)]
    assert [row[1] for row in bad] == [3, 4]


def test_a_path_with_marks_of_patterns_is_told_as_it_is(quarantined):
    """Brackets, quotes and stars in a name."""
    _, bad = quarantined("a,b\n1,x\n2\n", name="[it's] x{}.csv", path="[it's] x1.csv")
    assert bad[0][:2] == ("[it's] x1.csv", 3)


def test_mixed_line_ends_make_no_bad_rows(quarantined):
    """They are straightened first, even where every type is declared and quotes stand in the way."""
    content = 'a,b\r\n1,"x\r\ny"\n2,z\r\n3\n'
    rows, bad = quarantined(content, columns=TWO)
    assert rows == [(1, "x\r\ny"), (2, "z")]
    assert [row[1] for row in bad] == [5]
