"""Parquet folders: each load once, killed wherever, ordered twice, or at once with others."""

import threading
from pathlib import Path

import pytest
from support.parquet_dataset import dataset, left, manifest, named, present, rows
from support.worker_process import INLINE, order, worker_process

from orc_executor.frames import Loaded

APPEND = dataset(write_disposition="append")
MORTAL = ("-m", "support.mortal_worker")
FOLDER, FILES = "orc_executor.loaders.parquet.folder", "orc_executor.loaders.parquet.files"
POINTS = {
    f"{FOLDER}:unfinished_folder:after:1": False,
    "orc_executor.loaders.parquet.writing:ParquetWriter.write:after:1": False,
    f"{FILES}:_sync:after:1": False,
    f"{FOLDER}:place:after:1": False,
    f"{FOLDER}:write_manifest:before:2": False,
    f"{FOLDER}:write_manifest:after:2": True,
    f"{FOLDER}:remove:after:1": True,
    f"{FOLDER}:sweep:before:2": True,
}
"""Where the worker is killed, and whether it has committed there."""
CLAIMS = {f"{FOLDER}:write_manifest:before:1": False, f"{FOLDER}:write_manifest:after:1": False}
"""The first manifest only claims the folder."""


@pytest.fixture
def worker(tmp_path):
    with worker_process(tmp_path) as worker:
        yield worker


def killed(data_dir, point, one):
    with worker_process(data_dir, MORTAL, KILL_AT=point, PYTHONPATH=str(Path(__file__).parents[1])) as mortal:
        mortal.say(one)
        with pytest.raises(EOFError):
            mortal.answer()
        mortal.process.wait()


@pytest.mark.parametrize("disposition", ["replace", "append"])
@pytest.mark.parametrize(("point", "is_loaded"), (POINTS | CLAIMS).items())
def test_killed_anywhere_and_ordered_again_it_is_loaded_once(worker, tmp_path, disposition, point, is_loaded):
    """The second attempt finds the receipt or loads; nothing of the first is left in its way."""
    loader = dataset(write_disposition=disposition)
    first = order(INLINE, loader)
    killed(tmp_path, point, first)
    answer = worker.perform(INLINE, loader, run_id=first.run_id, attempt=2, check_receipt=True)
    assert (type(answer), answer.already, answer.result.rows) == (Loaded, is_loaded, 2)
    assert rows(worker) == [(1,), (2,)]
    assert (named(worker), left(worker)) == (present(worker), [])


@pytest.mark.parametrize(("point", "is_loaded"), POINTS.items())
def test_killed_in_a_replacement_the_dataset_is_the_old_or_the_new(worker, tmp_path, point, is_loaded):
    """By the manifest it is whole at every moment, and the next load sweeps what the kill left."""
    if "write_manifest" in point:
        point = point.replace(":2", ":1")
    worker.load(INLINE, dataset())
    before = named(worker)
    killed(tmp_path, point, order({"type": "inline", "rows": [{"b": "x"}]}, dataset()))
    assert (named(worker) == before) is not is_loaded
    assert set(named(worker)) <= set(present(worker))
    assert worker.load({"type": "inline", "rows": [{"c": 1}]}, dataset()) == 1
    assert rows(worker) == [(1,)]
    assert (named(worker), left(worker)) == (present(worker), [])


def test_an_earlier_attempt_loads_no_more_once_a_later_one_has_looked(worker):
    """However long it slept."""
    first = order(INLINE, APPEND)
    assert worker.perform(INLINE, APPEND, run_id=first.run_id, attempt=2, check_receipt=True, settle=True)
    worker.say(first)
    answer = worker.answer()
    assert (answer.kind, answer.message) == (
        "internal",
        "attempt 1 may not load any more: attempt 2 has begun",
    )
    assert present(worker) == []


def test_two_workers_take_turns_at_one_folder(worker, tmp_path):
    """Each waits for the other's load; every row of both is there."""
    with worker_process(tmp_path) as other:
        for _ in range(10):
            for each in (worker, other):
                each.say(order(INLINE, APPEND))
            for each in (worker, other):
                assert each.answer().result.rows == 2
    assert rows(worker, "SELECT count(*) FROM found") == [(40,)]
    assert len(manifest(worker)["receipts"]) == 20


def test_one_run_ordered_at_two_workers_is_loaded_once(worker, tmp_path):
    """Whoever comes second finds the receipt of the first."""
    one = order(INLINE, APPEND)
    with worker_process(tmp_path) as other:
        for each in (worker, other):
            each.say(one)
        answers = [each.answer() for each in (worker, other)]
    assert sorted(answer.already for answer in answers) == [False, True]
    assert rows(worker) == [(1,), (2,)]


def test_a_reader_by_the_manifest_always_sees_one_whole_state(worker):
    """While the dataset is replaced again and again, the files it names hold the rows of one load."""
    states, stop = [], threading.Event()
    worker.load({"type": "inline", "rows": [{"a": 0}] * 3}, dataset())

    def read():
        while not stop.is_set():
            told = manifest(worker)
            states.append((sum(file["rows"] for file in told["files"]), len(told["files"])))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20):
        worker.load({"type": "inline", "rows": [{"a": number}] * 3}, dataset())
    stop.set()
    reader.join()
    assert set(states) == {(3, 1)}


def test_a_folder_that_is_locked_is_waited_for_no_longer_than_the_task_may_take(worker, tmp_path):
    """The lock is a file beside the folder, as for a DuckDB file."""
    import fcntl  # noqa: PLC0415

    worker.load(INLINE, dataset())
    with (tmp_path / "lake.orc-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = worker.perform(INLINE, dataset(), task_timeout_seconds=0.3)
    assert (answer.kind, answer.retryable) == ("target_locked", True)
