"""Tasks that run through a real worker while what they name is swapped for a link that leads to a canary."""

from collections import Counter
from pathlib import Path

import duckdb
from support.canaries import CANARY_ROWS, Outside
from support.swapper import swapping
from support.worker_process import DISCARD, INLINE, worker_process

from orc_executor.frames import Failed, Loaded

CARELESS = ("-P", str(Path(__file__).with_name("careless_worker.py")))
MORE_TIMES = 3000
PATHS_ALONE = {"ORC_WORKER_SANDBOX": "off"}


def _csv(path):
    return {"type": "csv", "path": path}, DISCARD


def _duckdb(path):
    return INLINE, {"type": "duckdb", "db_path": path, "table_name": "t"}


def _parquet(path):
    rows = {"type": "inline", "rows": [{"a": 1, "p": 1}]}
    return rows, {"type": "parquet", "path": path, "partition_by": ["p"]}


class Scene:
    """A data folder and what lies outside of it."""

    def __init__(self, folder):
        self.data, self.outside = folder / "data", Outside(folder / "outside")
        self.data.mkdir()

    def source_file(self):
        """Swap the file itself for a link to another."""
        (self.data / "x.csv").write_text("a\n1\n")
        (self.data / "link").symlink_to(self.outside.folder / "x.csv")
        return _csv("x.csv"), self.data / "x.csv", self.data / "link"

    def source_folder(self):
        """Swap a folder above it for a link to another, in which there is a file of the same name."""
        (self.data / "in").mkdir()
        (self.data / "in/x.csv").write_text("a\n1\n")
        (self.data / "link").symlink_to(self.outside.folder)
        return _csv("in/x.csv"), self.data / "in", self.data / "link"

    def parquet_source(self):
        """Swap a file of another reader, which opens it more than once."""
        duckdb.sql(f"COPY (SELECT 1 AS a) TO '{self.data}/x.parquet' (FORMAT parquet)")
        (self.data / "link").symlink_to(self.outside.folder / "x.parquet")
        return (
            ({"type": "parquet", "path": "x.parquet"}, DISCARD),
            self.data / "x.parquet",
            self.data / "link",
        )

    def target_file(self):
        """Swap the database for a link to another."""
        (self.data / "link").symlink_to(self.outside.folder / "out.duckdb")
        return _duckdb("db.duckdb"), self.data / "db.duckdb", self.data / "link"

    def target_folder(self):
        """Swap the database's folder for a link to another, with a database of the same name."""
        (self.data / "in").mkdir()
        (self.data / "link").symlink_to(self.outside.folder)
        return _duckdb("in/out.duckdb"), self.data / "in", self.data / "link"

    def new_target_folder(self):
        """Swap the folder in which a database is to be made, another one by each load."""
        (self.data / "in").mkdir()
        (self.data / "link").symlink_to(self.outside.folder)
        return _duckdb("in/new{number}.duckdb"), self.data / "in", self.data / "link"

    def dataset(self):
        """Swap the folder of a Parquet dataset for a link to another folder."""
        (self.data / "link").symlink_to(self.outside.folder)
        return _parquet("lake"), self.data / "lake", self.data / "link"

    def dataset_manifest(self):
        """Swap the folder with the dataset's manifest."""
        (self.data / "link").symlink_to(self.outside.folder / "_orc")
        return _parquet("lake"), self.data / "lake/_orc", self.data / "link"

    def dataset_partition(self):
        """Swap the folder of a partition."""
        (self.data / "link").symlink_to(self.outside.folder / "p=1")
        return _parquet("lake"), self.data / "lake/p=1", self.data / "link"


KINDS = [name for name in vars(Scene) if not name.startswith("_")]


class Races:
    """What came of a number of tasks."""

    def __init__(self, outside):
        self.outside, self.ends, self.rows = outside, Counter(), Counter()
        self._touched = []

    @property
    def led_outside(self):
        """Say what of the canaries was read or touched."""
        self._touched += self.outside.touched()
        return [f"{CANARY_ROWS} rows came"] * (CANARY_ROWS in self.rows) + self._touched


def loaded(races):
    return races.ends["Loaded"]


def race(folder, kind, times, program=None, until=loaded, **environment):
    """Run so many tasks while their path is swapped, more where that is not enough, and return what came of them."""
    scene = Scene(folder)
    (extractor, loader), one, other = getattr(scene, kind)()
    given = {} if program is None else {"program": program}
    with worker_process(scene.data, **given, **environment) as worker:
        if not one.exists():
            worker.load(extractor, loader)
        scene.outside.touched()
        races = Races(scene.outside)
        with swapping(one, other):
            number = 0
            while number < times or (not until(races) and number < MORE_TIMES * times):
                _note(races, worker.perform(extractor, _numbered(loader, number)))
                number += 1
    return races


def _numbered(loader, number):
    path = loader.get("db_path")
    return loader if path is None else {**loader, "db_path": path.format(number=number)}


def _note(races, answer):
    assert isinstance(answer, Loaded | Failed), answer
    assert not (isinstance(answer, Failed) and answer.fatal), answer
    races.ends[type(answer).__name__] += 1
    if isinstance(answer, Loaded):
        races.rows[answer.result.rows] += 1
