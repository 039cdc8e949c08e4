"""What was opened is what is used: each name is swapped after the moment it was looked at, and the swap changes nothing."""

import os
from pathlib import Path

import duckdb
import pytest
from support.canaries import Outside
from support.worker_process import INLINE, order, table
from support.worker_reach import reach_of

from orc_executor.database_files import DatabaseFile
from orc_executor.engine import Engine
from orc_executor.errors import OutcomeUnknown, PathRefused, TargetUnusable
from orc_executor.extractors.files.finding import find_files
from orc_executor.state import NO_STATE
from orc_executor.underway import Underway
from orc_executor.worker_settings import WorkerSettings


class Bench:
    """A worker's insides over a data folder, with canaries beside it."""

    def __init__(self, folder):
        self.data, self.outside = folder / "data", Outside(folder / "outside")
        self.data.mkdir()
        self.reach = reach_of(self.data)
        self.engine = Engine(WorkerSettings(data_dir=self.data), (), self.reach.scratch)
        self.underway = Underway(order(INLINE, table()), self.reach)

    def place(self, name):
        return self.underway.pins.place(self.reach.folders.target(name), name)

    def untouched(self):
        return (self.outside.touched(), self.outside.changed()) == ([], False)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.underway.clean_up()
    bench.reach.scratch.remove()


def swap(path, other):
    path.rename(path.with_name(f"{path.name}.true"))
    path.symlink_to(other)


def test_a_file_swapped_after_its_judgement_is_refused(bench, monkeypatch):
    """The link that stands there by now is not followed."""
    path, judged = bench.data / "x.csv", bench.reach.folders.sources
    path.write_text("a\n1\n")

    def sources(*given):
        found = judged(*given)
        swap(path, bench.outside.folder / "x.csv")
        return found

    monkeypatch.setattr(bench.reach.folders, "sources", sources)
    with pytest.raises(PathRefused, match=r"x\.csv: is not a plain file"):
        find_files("x.csv", "all", bench.underway, NO_STATE)
    assert bench.untouched()


def test_a_file_swapped_after_it_was_opened_is_read_as_it_was(bench):
    """Every reader gets the file that was judged, under the name that people know."""
    (bench.data / "in").mkdir()
    (bench.data / "in/x.csv").write_text("a\n1\n")
    (file,) = find_files("in/x.csv", "all", bench.underway, NO_STATE).files
    swap(bench.data / "in", bench.outside.folder)
    assert bench.engine.run(f"SELECT a FROM read_csv('{file.pattern}')") == [(1,)]
    assert Path(file.path).read_text() == "a\n1\n"
    assert (file.name, Path(file.path).name[-6:]) == ("in/x.csv", "-x.csv")
    assert bench.untouched()


def test_a_database_is_written_where_it_was_opened(bench):
    """Whatever its folder, its own name and that of its log lead to meanwhile, commits go into the file that was opened."""
    home = bench.data / "in"
    home.mkdir()
    with duckdb.connect(str(home / "out.duckdb")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    with bench.engine.attached(bench.place("in/out.duckdb"), bench.underway):
        swap(home / "out.duckdb", bench.outside.folder / "out.duckdb")
        (home / "out.duckdb.wal").symlink_to(bench.outside.folder / "secret.txt")
        swap(home, bench.outside.folder)
        for number in range(3):
            # So small a commit goes through the log.
            bench.engine.run(f"INSERT INTO target.t VALUES ({number})")
    assert bench.untouched()
    with duckdb.connect(str(bench.data / "in.true/out.duckdb.true"), read_only=True) as connection:
        assert connection.execute("FROM t").fetchall() == [(0,), (1,), (2,)]


def test_a_database_is_made_where_its_folder_was_opened(bench):
    """A new file is put into the folder that was judged, and neither through a link of its name nor of an unfinished one's."""
    home = bench.data / "in"
    home.mkdir()
    place = bench.place("in/new.duckdb")
    (home / "new.duckdb.orc-unfinished").symlink_to(bench.outside.folder / "secret.txt")
    swap(home, bench.outside.folder)
    with bench.engine.attached(place, bench.underway):
        bench.engine.run("CREATE TABLE target.t AS SELECT 1 AS a")
    assert bench.untouched()
    with duckdb.connect(str(bench.data / "in.true/new.duckdb"), read_only=True) as connection:
        assert connection.execute("FROM t").fetchall() == [(1,)]


@pytest.mark.parametrize("suffix", ["", ".wal", ".orc-lock"])
def test_a_link_where_a_target_should_be_is_refused(bench, suffix):
    """The database, its log and its lock file are never reached through a link."""
    place = bench.place("out.duckdb")
    (bench.data / "out.duckdb").write_bytes((bench.outside.folder / "out.duckdb").read_bytes())
    bench.outside.touched()
    name = bench.data / f"out.duckdb{suffix}"
    name.unlink(missing_ok=True)
    name.symlink_to(bench.outside.folder / "secret.txt")
    with pytest.raises(TargetUnusable, match=r"out\.duckdb"), bench.engine.attached(place, bench.underway):
        pass
    assert bench.untouched()


def test_a_log_that_others_left_is_taken_in(bench):
    """What a killed tool committed into the log beside the file is in the file afterwards, and the log is gone."""
    path = bench.data / "out.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    killed = os.fork()
    if not killed:
        connection = duckdb.connect(str(path))
        connection.execute("INSERT INTO t VALUES (7)")
        os._exit(0)
    os.waitpid(killed, 0)
    assert path.with_name("out.duckdb.wal").exists()
    with bench.engine.attached(bench.place("out.duckdb"), bench.underway):
        assert bench.engine.run("FROM target.t") == [(7,)]
        assert not path.with_name("out.duckdb.wal").exists()
        bench.engine.run("INSERT INTO target.t VALUES (8)")
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("FROM t").fetchall() == [(7,), (8,)]


def test_a_commit_that_stays_in_the_log_is_not_told(bench, monkeypatch):
    """What did not get into the file is lost with the worker, so nobody hears that it was loaded."""
    monkeypatch.setattr(DatabaseFile, "has_log", True)
    with pytest.raises(OutcomeUnknown), bench.engine.attached(bench.place("out.duckdb"), bench.underway):
        pass
    assert bench.engine.is_broken


def test_what_a_task_has_opened_goes_with_it(bench):
    """Neither a descriptor nor a name of it is left."""
    (bench.data / "x.csv").write_text("a\n1\n")
    bench.place("out.duckdb")
    before = len(list(Path("/proc/self/fd").iterdir()))
    (file,) = find_files("x.csv", "all", bench.underway, NO_STATE).files
    bench.underway.clean_up()
    assert not Path(file.path).is_symlink()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


@pytest.mark.parametrize("what", ["hard link", "fifo", "folder"])
def test_what_is_no_plain_file_by_now_is_no_target(bench, what):
    """Put there after the judgement, it is refused before DuckDB sees it."""
    place = bench.place("out.duckdb")
    path = bench.data / "out.duckdb"
    match what:
        case "hard link":
            os.link(bench.outside.folder / "out.duckdb", path)
        case "fifo":
            os.mkfifo(path)
        case _:
            path.mkdir()
    bench.outside.watch()
    refused = pytest.raises(TargetUnusable, match=r"out\.duckdb: (is not a plain file|has 2 hard links)")
    with refused, bench.engine.attached(place, bench.underway):
        pass
    assert bench.untouched()


def test_a_path_that_the_system_cannot_tell_is_refused(bench, monkeypatch):
    """A link that is swapped while it is being followed is an error of the system at times."""

    def fails(_path):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("orc_executor.paths.os.path.realpath", fails)
    (bench.data / "x.csv").write_text("a\n1\n")
    with pytest.raises(PathRefused, match=r"x\.csv: where it really is cannot be told"):
        bench.reach.folders.sources("x.csv", 1)
