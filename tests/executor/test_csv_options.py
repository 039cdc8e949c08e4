"""Every word of the csv config: what it makes of a file."""

import gzip

import pyarrow as pa
import pytest
from support.worker_process import DISCARD, table, worker_process


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("csv")) as worker:
        yield worker


@pytest.fixture
def load(worker):
    """Write a file, load it, and return column types by name, and rows."""

    def load(content, name="x.csv", **config):
        data = content if isinstance(content, bytes) else content.encode()
        (worker.data_dir / name).write_bytes(data)
        worker.load({"type": "csv", "path": name, **config}, table())
        return worker.types(), worker.rows()

    return load


@pytest.fixture
def fail(worker):
    """Write a file, fail to load it, and return what is said."""

    def fail(content, name="x.csv", **config):
        data = content if isinstance(content, bytes) else content.encode()
        (worker.data_dir / name).write_bytes(data)
        return worker.fail({"type": "csv", "path": name, **config}, table())[1]

    return fail


@pytest.mark.parametrize(
    ("content", "config", "types", "rows"),
    [
        ("1,x\n2,y\n", {"header": False}, {"column0": "BIGINT", "column1": "VARCHAR"}, [(1, "x"), (2, "y")]),
        ("1,x\n", {"header": False, "columns": {"n": "TINYINT", "s": "VARCHAR"}}, {"n": "TINYINT", "s": "VARCHAR"}, [(1, "x")]),
        ("", {"header": False, "columns": {"n": "TINYINT"}}, {"n": "TINYINT"}, []),
        ("a,b\n1,2\n", {"columns": {"B": "int"}}, {"a": "BIGINT", "b": "INTEGER"}, [(1, 2)]),
        ("a\tb\n1\tx y\n", {"delimiter": "\t"}, {"a": "BIGINT", "b": "VARCHAR"}, [(1, "x y")]),
        ("a<=>b\n1<=>x<=y\n", {"delimiter": "<=>"}, {"a": "BIGINT", "b": "VARCHAR"}, [(1, "x<=y")]),
        ("'a','b'\n1,'x,''y'\n", {"quote": "'"}, {"a": "BIGINT", "b": "VARCHAR"}, [(1, "x,'y")]),
        ('a,"b\\"c"\n1,"x\\"y"\n', {"escape": "\\"}, {"a": "BIGINT", 'b"c': "VARCHAR"}, [(1, 'x"y')]),
        ('a,"b\n1,"x\n', {"quote": ""}, {"a": "BIGINT", '"b': "VARCHAR"}, [(1, '"x')]),
        ('5" pipe,b\n1,x\n', {}, {'5" pipe': "BIGINT", "b": "VARCHAR"}, [(1, "x")]),
        ("by hand\n\n\na,b\n1,2\n", {"skip_lines": 2}, {"a": "BIGINT", "b": "BIGINT"}, [(1, 2)]),
        ("\n\na,b\n1,2\n", {}, {"a": "BIGINT", "b": "BIGINT"}, [(1, 2)]),
        ("\ufeffby hand\r\na,b\r\n1,2\r\n", {"skip_lines": 1}, {"a": "BIGINT", "b": "BIGINT"}, [(1, 2)]),
        ("x,y\n1,2\n", {"header": False, "skip_lines": 1}, {"column0": "BIGINT", "column1": "BIGINT"}, [(1, 2)]),
        ("a;b\n1,5;2\n", {"delimiter": ";", "decimal_separator": ","}, {"a": "DOUBLE", "b": "BIGINT"}, [(1.5, 2)]),
        ('a,b\n"1,5",2\n', {"decimal_separator": ","}, {"a": "DOUBLE", "b": "BIGINT"}, [(1.5, 2)]),
        ("a,b\n1,2\n", {"select": ["B"]}, {"b": "BIGINT"}, [(2,)]),
        ("a,b\n1,2\n", {"select": ["b", "a"], "rename": {"A": "x"}}, {"b": "BIGINT", "x": "BIGINT"}, [(2, 1)]),
        ("a,b\n1,2\n", {"rename": {"a": "b", "b": "a"}}, {"b": "BIGINT", "a": "BIGINT"}, [(1, 2)]),
        ("a,b\n1,2\n", {"file_name_column": "from", "select": ["a"]}, {"a": "BIGINT", "from": "VARCHAR"}, [(1, "x.csv")]),
        ("a,b\n#1,2\n# x,y\n", {}, {"a": "VARCHAR", "b": "VARCHAR"}, [("#1", "2"), ("# x", "y")]),
    ],
)  # fmt: skip
def test_what_a_word_makes_of_a_file(load, content, config, types, rows):
    """Names, types and rows."""
    assert load(content, **config) == (types, rows)


def test_formats_of_dates_are_the_configs(load, worker):
    """Days before months, and no seconds."""
    types, _ = load(
        "d;t\n03.02.2026;31/12/2026 11:12\n", delimiter=";", date_format="%d.%m.%Y", timestamp_format="%d/%m/%Y %H:%M"
    )  # fmt: skip
    assert types == {"d": "DATE", "t": "TIMESTAMP"}
    assert worker.rows("SELECT d::VARCHAR, t::VARCHAR FROM t") == [("2026-02-03", "2026-12-31 11:12:00")]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("latin-1", "é"), ("cp1252", "€"), ("utf-16", "€é"), ("utf-16-le", "é"), ("shift_jis", "日本")],
)
def test_any_encoding_is_read(load, encoding, text):
    """In the header as well."""
    content = f"{text},b\n1,{text}\n".encode(encoding)
    assert load(content, encoding=encoding) == ({text: "BIGINT", "b": "VARCHAR"}, [(1, text)])


def test_an_encoding_and_a_compression_go_together(load):
    """What is written anew is plain."""
    content = gzip.compress("a\n€\n".encode("cp1252"))
    assert load(content, name="x.gz", encoding="cp1252")[1] == [("€",)]
    assert load(content, name="x.csv", encoding="cp1252", compression="gzip")[1] == [("€",)]


def test_a_compression_may_be_said_where_the_name_says_nothing_or_lies(load):
    """Gzip and zstd, and none."""
    content = b"a,b\n1,x\n"
    assert load(gzip.compress(content), compression="gzip")[1] == [(1, "x")]
    assert load(pa.compress(content, codec="zstd", asbytes=True), compression="zstd")[1] == [(1, "x")]
    assert load(content, name="lie.csv.gz", compression="none")[1] == [(1, "x")]


def test_several_files_tell_theirs_rows_apart(worker):
    """By name, compressed ones among plain ones."""
    (worker.data_dir / "m1.csv").write_text("a\n1\n")
    (worker.data_dir / "m2.csv.gz").write_bytes(gzip.compress(b"a\n2\n"))
    worker.load({"type": "csv", "path": ["m2.csv.gz", "m1.csv"], "file_name_column": "file"}, table())
    assert sorted(worker.rows()) == [(1, "m1.csv"), (2, "m2.csv.gz")]


def test_files_without_a_header_may_be_empty(worker):
    """And all of them, which leaves a table empty."""
    (worker.data_dir / "n1.csv").write_text("")
    assert worker.load({"type": "csv", "path": "n1.csv", "header": False}, DISCARD) == 0
    (worker.data_dir / "n2.csv").write_text("1,x\n")
    worker.load({"type": "csv", "path": "n*.csv", "header": False}, table())
    assert worker.rows() == [(1, "x")]


@pytest.mark.parametrize(
    ("content", "config", "said"),
    [
        ("a,b\n1,2\n", {"columns": {"c": "BIGINT", "a": "BIGINT"}}, "x.csv: columns names c; the columns are a, b"),
        ("a,b\n1,2\n", {"select": ["c"]}, "select names c, the columns are a, b"),
        ("a,b\n1,2\n", {"rename": {"a": "b"}}, "two columns would be called b: rename one of them"),
        ("a,b\n1,2\n", {"incremental": {"cursor": "c"}}, "incremental.cursor names c, the columns are a, b"),
        ("a,b\n1,2\n", {"file_name_column": "A"}, "the files have a column A already, which file_name_column names"),
        ("1,2\n", {"header": False, "columns": {"n": "TINYINT"}}, "x.csv, line 1: Expected Number of Columns: 1 Found: 2 (the line: 1,2)"),
        ("by hand\n", {"skip_lines": 3}, "x.csv: the file is empty: it has no header"),
        ('"by hand\na\n1\n', {"skip_lines": 1}, "x.csv, line 1: a quote opens in a line to be skipped and is not closed"),
        (b"a\n\xe9\n", {"encoding": "utf-16"}, None),
        (b"a\n1\n", {"compression": "gzip"}, None),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_named(fail, content, config, said):
    """The word, the name, and what there is."""
    found = fail(content, **config)
    assert said in (None, found)


def test_a_line_behind_quoted_line_ends_is_counted_as_an_editor_does(fail):
    """DuckDB counts records."""
    said = fail('a,b\n1,"x\ny\nz"\n2\n')
    assert said == "x.csv, line 5: Expected Number of Columns: 2 Found: 1 (the line: 2)"


def test_only_new_files_are_read(worker):
    """A file once; one that changed again; without a new one the table stays as it is."""
    config = {"type": "csv", "path": "new*.csv", "files": "new"}
    loader = table("news", write_disposition="append")
    (worker.data_dir / "new1.csv").write_text("a\n1\n")
    assert worker.load(config, loader) == 1
    assert worker.load(config, loader) == 0
    (worker.data_dir / "new2.csv").write_text("a\n2\n")
    assert worker.load(config, loader) == 1
    assert worker.rows("SELECT a FROM news ORDER BY a") == [(1,), (2,)]


def test_an_incremental_load_takes_what_is_beyond_its_cursor(worker):
    """The cursor need not be a column of the table."""
    config = {"type": "csv", "path": "inc.csv", "select": ["v"], "incremental": {"cursor": "id"}}
    loader = table("incs", write_disposition="append")
    (worker.data_dir / "inc.csv").write_text("id,v\n1,x\n2,y\n")
    assert worker.load(config, loader) == 2
    (worker.data_dir / "inc.csv").write_text("id,v\n1,x\n2,y\n3,z\n")
    assert worker.load(config, loader) == 1
    assert worker.rows("SELECT v FROM incs ORDER BY v") == [("x",), ("y",), ("z",)]


def test_renamed_columns_are_read_as_the_tables_types(worker):
    """The table's name is the new one; read as a number, the text would lose its zero."""
    (worker.data_dir / "r.csv").write_text("a\n1.50\n")
    config = {"type": "csv", "path": "r.csv", "rename": {"a": "n"}}
    worker.load({**config, "columns": {"a": "VARCHAR"}}, table("renamed"))
    worker.load(config, table("renamed", write_disposition="append"))
    assert worker.rows("SELECT n FROM renamed") == [("1.50",), ("1.50",)]
