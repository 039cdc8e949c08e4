"""The engine's own walls: what DuckDB refuses even if a path had slipped through."""

import duckdb
import pytest

from orc_executor.engine import Engine
from orc_executor.scratch import Scratch
from orc_executor.worker_settings import WorkerSettings


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/in.csv").write_text("a\n1\n")
    (tmp_path / "outside.csv").write_text("a\n1\n")
    (tmp_path / "data/link.csv").symlink_to(tmp_path / "outside.csv")
    scratch = Scratch(tmp_path / "scratch")
    yield Engine(WorkerSettings(data_dir=tmp_path / "data"), (str(tmp_path / "data"),), scratch)
    scratch.remove()


def test_files_of_the_folders_can_be_read(engine, tmp_path):
    """The walls have the doors they should."""
    assert engine.run(f"SELECT a FROM read_csv('{tmp_path}/data/in.csv')") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{folder}/outside.csv')",
        "SELECT * FROM read_csv('{folder}/data/../outside.csv')",
        "SELECT * FROM read_csv('{folder}/data/link.csv')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM sniff_csv('{folder}/outside.csv')",
        "COPY (SELECT 1) TO '{folder}/new.csv'",
        "ATTACH '{folder}/new.duckdb'",
        "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '1TB'",
    ],
)
def test_everything_else_is_refused(engine, tmp_path, sql):
    """Other files, links out, the network, extensions, and every change of the settings."""
    with pytest.raises(duckdb.Error):
        engine.run(sql.format(folder=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "outside.csv", "scratch"]


def test_an_error_far_down_a_result_is_raised(engine):
    """Results stream, so that a statement has succeeded only when its last row was fetched."""
    with pytest.raises(duckdb.Error, match="far down"):
        engine.run(
            "SELECT CASE WHEN i = 3000000 THEN error('far down') ELSE i END FROM range(3000001) AS rows(i)"
        )
