"""A worker's engine in this process, with an empty target attached, for tests of what loaders do in its transaction."""

from contextlib import contextmanager

from orc_executor.engine import Engine
from orc_executor.scratch import Scratch
from orc_executor.worker_settings import WorkerSettings


@contextmanager
def target_engine(folder):
    """Have an engine as locked down as a worker's; its target is in memory."""
    (folder / "data").mkdir()
    scratch = Scratch(folder / "scratch")
    engine = Engine(WorkerSettings(data_dir=folder / "data"), (str(folder / "data"),), scratch)
    engine.run("ATTACH ':memory:' AS target")
    try:
        yield engine
    finally:
        engine.roll_back()
        engine.run("DETACH target")
        scratch.remove()
