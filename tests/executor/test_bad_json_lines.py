"""Lines that are no records: left out and told, each with its file, number, reason and text."""

import gzip
from uuid import uuid4

import pytest
from support.worker_process import DISCARD, order, worker_process

from orc_domain.egress import EgressPolicy
from orc_domain.extract import parse_extractor
from orc_executor.engine import Engine
from orc_executor.engine_errors import is_type_doubt
from orc_executor.extractors.json import line_faults as json_line_faults
from orc_executor.extractors.opening import open_source
from orc_executor.paths import Folders
from orc_executor.scratch import Scratch
from orc_executor.secrets import Secrets
from orc_executor.state import NO_STATE
from orc_executor.underway import Reach, Underway
from orc_executor.worker_settings import WorkerSettings

BAD = b"""{"a": 1, "s": "x,\\"y\\""}

{"a": 2
{"a": "three"}
[4]
{"a": 5, "a": 5}
{"a": "\xff"}
{"a": 8.5}\r
  {"a": 9, "s": "\\u0001"}\r
\tnull
{"a": 11"""
REASONS = [
    ("b.jsonl", 3, "is not JSON", '{"a": 2'),
    ("b.jsonl", 4, "column a: three is not BIGINT", '{"a": "three"}'),
    ("b.jsonl", 5, "is ARRAY, not an object", "[4]"),
    ("b.jsonl", 6, "has a key twice", '{"a": 5, "a": 5}'),
    ("b.jsonl", 7, "is not UTF-8", '{"a": "\\xFF"}'),
    ("b.jsonl", 8, "column a: 8.5 is not BIGINT", '{"a": 8.5}\r'),
    ("b.jsonl", 11, "is not JSON", '{"a": 11'),
]


@pytest.fixture
def opened(tmp_path):
    """Open a source over files of the data folder, and read it as a loader does."""
    settings = WorkerSettings(data_dir=tmp_path, worker_threads=2)
    scratch = Scratch(settings.scratch)
    reach = Reach(Folders(tmp_path), scratch, Secrets({}, None), EgressPolicy())
    engine = Engine(settings, reach.folders.all, scratch)

    def read(**config):
        underway = Underway(order({}, {}, run_id=uuid4()), reach)
        source = open_source(
            parse_extractor({"type": "jsonl", "path": "*.jsonl*", **config}), underway, NO_STATE
        )
        source.gather()
        for scan in source.scans(engine, None):
            try:
                rows = engine.run(scan.sql) if scan.columns else []
            except Exception as error:
                if scan.is_sampled and is_type_doubt(error):
                    continue
                raise source.explain(engine, scan, error) from error
            return rows, scan.rejects and engine.run(scan.rejects.sql), scan
        raise AssertionError("no scan held")

    yield read
    scratch.remove()


@pytest.mark.parametrize("mode", ["skip", "quarantine"])
@pytest.mark.parametrize("name", ["b.jsonl", "b.jsonl.gz"])
def test_bad_lines_are_told_and_the_others_read(opened, tmp_path, monkeypatch, mode, name):
    """However small the segments that the file is read in; the good ones stay as they were."""
    (tmp_path / name).write_bytes(gzip.compress(BAD) if name.endswith("gz") else BAD)
    (tmp_path / "c.jsonl").write_bytes(b'{"a": 12}\n')
    for segment_bytes in (1, 64 * 1024**2):
        monkeypatch.setattr(json_line_faults, "SEGMENT_BYTES", segment_bytes)
        rows, rejects, scan = opened(
            columns={"a": "BIGINT"}, on_bad_rows={"mode": mode}, file_name_column="file"
        )
        assert rows == [(1, 'x,"y"', name), (9, "\x01", name), (None, None, name), (12, None, "c.jsonl")]
        assert rejects == [(name, *rest) for _, *rest in REASONS]
        assert (scan.rejects.policy.mode, scan.bytes) == (
            mode,
            sum(f.stat().st_size for f in tmp_path.glob("*.jsonl*")),
        )


def test_files_without_bad_lines_are_read_once_as_always(opened, tmp_path):
    """There is nothing to be told of them."""
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n')
    rows, rejects, scan = opened(on_bad_rows={"mode": "skip"})
    assert (rows, rejects, scan.is_sampled) == ([(1,)], None, True)


def test_a_value_that_no_type_was_declared_for_is_never_bad(opened, tmp_path):
    """The column gets a type that holds it."""
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n{"a": "x"}\nnonsense\n')
    rows, rejects, _ = opened(on_bad_rows={"mode": "skip"})
    assert (rows, [line for _, line, *_ in rejects]) == ([("1",), ('"x"',)], [3])


def test_lists_are_judged_by_their_elements(opened, tmp_path):
    """One that would be rounded is a bad row."""
    (tmp_path / "a.jsonl").write_bytes(b'{"a": [1, 2]}\n{"a": [1.5]}\n{"a": []}\n{"a": "x"}\n')
    rows, rejects, _ = opened(columns={"a": "INTEGER[]"}, on_bad_rows={"mode": "skip"})
    assert (rows, [line for _, line, *_ in rejects]) == ([([1, 2],), ([],)], [2, 4])


def test_a_file_of_bad_lines_alone_has_no_rows(opened, tmp_path):
    """They are told all the same."""
    (tmp_path / "a.jsonl").write_bytes(b"x\ny\n")
    rows, rejects, _ = opened(on_bad_rows={"mode": "skip"})
    assert (rows, [raw for *_, raw in rejects]) == ([], ["x", "y"])


def test_a_worker_names_the_first_bad_line_where_bad_rows_fail(tmp_path):
    """The line as an editor counts it."""
    (tmp_path / "b.jsonl").write_bytes(BAD)
    with worker_process(tmp_path) as worker:
        assert worker.fail({"type": "jsonl", "path": "b.jsonl"}, DISCARD) == (
            "source_malformed", "b.jsonl, line 3: is not JSON",
        )  # fmt: skip
