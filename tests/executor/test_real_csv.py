"""CSV files as the world writes them: each loads whole, with the types a person would give it."""

import gzip

import pytest
from support.worker_process import table, worker_process

EXAMPLES = "examples/data"
FLIP_ROW = 1_000_001


@pytest.fixture(scope="module")
def worker(tmp_path_factory, pytestconfig):
    examples = str(pytestconfig.rootpath / EXAMPLES)
    with worker_process(tmp_path_factory.mktemp("real"), ORC_FILE_ROOTS=examples) as worker:
        yield worker


@pytest.fixture
def load(worker):
    """Write a file, load it, and return column types by name, and rows."""

    def load(content, **config):
        data = content if isinstance(content, bytes) else content.encode()
        (worker.data_dir / "x.csv").write_bytes(data)
        worker.load({"type": "csv", "path": "x.csv", **config}, table())
        return worker.types(), worker.rows()

    return load


AB = {"a": "BIGINT", "b": "VARCHAR"}


@pytest.mark.parametrize(
    ("content", "types", "rows"),
    [
        ("\ufeffa,b\n1,x\n", AB, [(1, "x")]),
        ("a,b\r\n1,x\r\n2,y\r\n", AB, [(1, "x"), (2, "y")]),
        ("a,b\r1,x\r2,y\r", AB, [(1, "x"), (2, "y")]),
        ('a,b\r\n1,"x\ny"\r\n', AB, [(1, "x\ny")]),
        ('a,b\n1,"x\r\ny"\n', AB, [(1, "x\r\ny")]),
        ('a,b\r\n1,"x\r\ny"\n2,z\r3,w\r\n', AB, [(1, "x\r\ny"), (2, "z"), (3, "w")]),
        ("a,b\n1,x\r\n2,y\n3,z\r\n", AB, [(1, "x"), (2, "y"), (3, "z")]),
        ("a,a,A\n1,2,3\n", {"a": "BIGINT", "a_1": "BIGINT", "A_2": "BIGINT"}, [(1, 2, 3)]),
        ("a,b\n007,x\n010,y\n", {"a": "VARCHAR", "b": "VARCHAR"}, [("007", "x"), ("010", "y")]),
        ("a,b\n12345678901234567890,x\n", {"a": "HUGEINT", "b": "VARCHAR"}, [(12345678901234567890, "x")]),
        ("a,b\n1,x", AB, [(1, "x")]),
        ("a,b\n\n1,x\n\n\n2,y\n\n", AB, [(1, "x"), (2, "y")]),
        ("a,b\n1,x\0y\n", AB, [(1, "x\0y")]),
        ("a,b,\n1,x,\n2,y,\n", {**AB, "column2": "VARCHAR"}, [(1, "x", None), (2, "y", None)]),
        ("a,b\n", {"a": "VARCHAR", "b": "VARCHAR"}, []),
        ("a,b\n1,\n2,\n", AB, [(1, None), (2, None)]),
        ('a,b\n1,""\n2,"NA"\n', AB, [(1, None), (2, "NA")]),
    ],
)
def test_files_as_they_come(load, content, types, rows):
    """Byte order marks, every line end and all of them mixed, doubled names, zeros, big numbers, blank lines, NULs."""
    assert load(content) == (types, rows)


def test_mixed_line_ends_in_the_millionth_row_and_in_a_compressed_file(worker, load):
    """The sample saw one kind only; what stands in quotes is left as it is."""
    rows = b"".join(b'%d,"x\r\ny"\n' % n for n in range(200_000))
    load(b"a,b\n" + rows + b"200000,z\r\n")
    assert worker.rows("SELECT count(*), count(DISTINCT b), max(a) FROM t") == [(200_001, 2, 200_000)]
    (worker.data_dir / "mixed.csv.gz").write_bytes(gzip.compress(b"a,b\r\n" + rows + b"200000,z\r\n"))
    worker.load({"type": "csv", "path": "mixed.csv.gz", "columns": AB}, table())
    assert worker.rows("SELECT count(*), count(DISTINCT b), max(a) FROM t") == [(200_001, 2, 200_000)]


def test_ten_thousand_columns_load(load):
    """As many as a survey may have."""
    count = 10_000
    header, row = ",".join(f"c{n}" for n in range(count)), ",".join(map(str, range(count)))
    types, rows = load(f"{header}\n{row}\n{row}\n")
    assert set(types.values()) == {"BIGINT"}
    assert rows == [tuple(range(count))] * 2


def test_a_type_that_flips_in_the_millionth_row_loses_nothing(load, worker):
    """Zeros before it were numbers to the sample; as text they are what they were."""
    load(b"id,v\n" + b"7,42\n" * (FLIP_ROW - 1) + b"8,n/a\n")
    assert worker.types() == {"id": "BIGINT", "v": "VARCHAR"}
    assert worker.rows("SELECT v, count(*) FROM t GROUP BY v ORDER BY v") == [
        ("42", FLIP_ROW - 1),
        ("n/a", 1),
    ]


@pytest.mark.parametrize(
    ("name", "rows", "some_types"),
    [
        ("airlines.csv", 16, {"carrier": "VARCHAR"}),
        ("airports.csv", 1458, {"faa": "VARCHAR", "lat": "DOUBLE", "alt": "BIGINT"}),
        ("planes.csv", 3322, {"year": "BIGINT", "speed": "BIGINT"}),
        (
            "weather.csv",
            26_115,
            {"temp": "DOUBLE", "wind_dir": "BIGINT", "time_hour": "TIMESTAMP WITH TIME ZONE"},
        ),
        (
            "flights.csv.gz",
            336_776,
            {"dep_delay": "BIGINT", "time_hour": "TIMESTAMP WITH TIME ZONE", "tailnum": "VARCHAR"},
        ),
    ],
)
def test_the_flights_of_new_york_load(worker, name, rows, some_types):
    """Each file of the example set, `NA` being null."""
    assert worker.load({"type": "csv", "path": name, "null_values": ["NA"]}, table()) == rows
    types = worker.types()
    assert {column: types[column] for column in some_types} == some_types
