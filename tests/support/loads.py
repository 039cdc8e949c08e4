"""A worker's insides without its process: what any query gives is loaded, so that rows and types can be chosen freely."""

from types import SimpleNamespace

import duckdb
from support.worker_process import INLINE, order, table

from orc_domain.egress import EgressPolicy
from orc_domain.load import parse_loader
from orc_executor.engine import Engine
from orc_executor.extractors.shaping import shape
from orc_executor.extractors.source import Scan
from orc_executor.loaders.duckdb.file import DuckdbFile
from orc_executor.paths import Folders
from orc_executor.scratch import Scratch
from orc_executor.state import NOTHING_LEARNED
from orc_executor.underway import Underway
from orc_executor.worker_settings import WorkerSettings


class Query:
    """A source whose rows are those of a query; without one it knows nothing but that there are none."""

    def __init__(self, sql, cursor=None, learned=NOTHING_LEARNED):
        self.sql, self.cursor, self.kept = sql, cursor, learned

    def learned(self):
        return self.kept

    def scans(self, engine, _wanted):
        columns = engine.describe(self.sql) if self.sql else {}
        shaped = shape(self.sql, columns, cursor=self.cursor)
        yield Scan(sql=shaped.sql, columns=columns, bytes=1, cursor=shaped.cursor)

    def explain(self, _engine, _scan, error):
        raise error


class Loads:
    """Loads into table t of out.duckdb, run after run of one task."""

    def __init__(self, folder):
        folders = Folders(folder)
        self.folder, self.scratch = folder, Scratch(folder / ".scratch")
        self.engine = Engine(WorkerSettings(data_dir=folder), folders.all, self.scratch)
        self.reach = SimpleNamespace(
            folders=folders, scratch=self.scratch, secrets=None, egress=EgressPolicy()
        )

    def load(
        self, sql, *, cursor=None, window=None, set_to=None, learned=NOTHING_LEARNED, lag=None, **config
    ):
        """Load what a query gives and return the result; `config` are the loader's words."""
        target = self._target({"cursor": cursor, "lag": lag}, window, config)
        state = target.look().state if cursor is not None and window is None else None
        if set_to is not None:
            state = set_to(state)
        receipt, already = target.load(Query(sql, cursor, learned), state)
        assert not already
        return receipt.result

    def state(self):
        """Return what the next run is told: etag, last_modified, files."""
        state = self._target({}, None, {}).look().state
        return state.etag, state.last_modified, state.files

    def _target(self, incremental, window, config):
        config = table(**config)
        underway = Underway(order({**INLINE, "incremental": incremental}, config, window=window), self.reach)
        return DuckdbFile(parse_loader(config), self.engine, underway)

    def run(self, sql):
        """Do what a user does to the file between loads; return the rows."""
        with duckdb.connect(str(self.folder / "out.duckdb")) as connection:
            return connection.execute(sql).fetchall()

    def column(self, sql):
        return [row[0] for row in self.run(sql)]

    def types(self, name="t"):
        return dict(self.run(f"SELECT column_name, column_type FROM (DESCRIBE {name})"))
