"""A stop ends whatever reads the source: the look at it, and the search for what was wrong with it."""

import threading

import duckdb
import pytest
from support.worker_process import DISCARD, INLINE, order

from orc_domain.loaders.duckdb import MEMORY, DuckdbLoad
from orc_executor.engine import Engine
from orc_executor.errors import TaskStopped
from orc_executor.extractors.source import Scan
from orc_executor.loaders.discard import discard
from orc_executor.loaders.duckdb.file import DuckdbFile
from orc_executor.scratch import Scratch
from orc_executor.state import NOTHING_LEARNED
from orc_executor.underway import Underway
from orc_executor.worker_settings import WorkerSettings

FOREVER = "SELECT sum(a.i * b.i) FROM range(10000000) AS a(i), range(10000000) AS b(i)"


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "data").mkdir()
    scratch = Scratch(tmp_path / "scratch")
    yield Engine(WorkerSettings(data_dir=tmp_path / "data"), (str(tmp_path / "data"),), scratch)
    scratch.remove()


@pytest.fixture
def underway():
    return Underway(order(INLINE, DISCARD), reach=None)


def load(loader, source, engine, underway):
    if loader == "discard":
        return discard(source, engine, underway)
    return DuckdbFile(DuckdbLoad(db_path=MEMORY, table_name="t"), engine, underway).load(source, None)


class StoppedInTheLook:
    """A source that is stopped while it is looked at."""

    def __init__(self, underway):
        self.underway = underway

    def learned(self):
        return NOTHING_LEARNED

    def scans(self, _engine, _wanted):
        self.underway.stop()
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")
        yield

    def explain(self, _engine, _scan, _error):
        raise AssertionError("a stop is no fault of the source: nothing is looked for")


@pytest.mark.parametrize("loader", ["duckdb", "discard"])
def test_a_stop_is_not_explained(engine, underway, loader):
    """The source is not read again to find a fault in it."""
    with pytest.raises(TaskStopped):
        load(loader, StoppedInTheLook(underway), engine, underway)


class Broken:
    """A source whose fault takes for ever to find."""

    def __init__(self):
        self.searching = threading.Event()

    def learned(self):
        return NOTHING_LEARNED

    def scans(self, _engine, _wanted):
        yield Scan(sql="SELECT error('broken') AS a", columns={"a": "INTEGER"}, bytes=1)

    def explain(self, engine, _scan, _error):
        self.searching.set()
        engine.run(FOREVER)


@pytest.mark.parametrize("loader", ["duckdb", "discard"])
def test_a_stop_ends_the_search_for_a_fault(engine, underway, loader):
    """Explaining reads the source again, and is interrupted like the load itself."""
    source, ended = Broken(), threading.Event()

    def watch():
        if not source.searching.wait(30):
            return
        underway.stop()
        while not ended.wait(0.01):
            underway.tick()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises((duckdb.InterruptException, TaskStopped)):
            load(loader, source, engine, underway)
    finally:
        ended.set()
        watcher.join()
