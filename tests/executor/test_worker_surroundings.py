"""What stands around a worker: folders that come and go, secrets that cannot be read, descriptors of many tasks."""

import os
import resource
from pathlib import Path

import pytest
from support.worker_process import DISCARD, INLINE, WORKER, order, table, worker_process

from orc_executor import landlock
from orc_executor.child import OFFLINE
from orc_executor.frames import Failed, Loaded

needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
API = {"type": "api", "url": "http://127.0.0.1:9/x", "auth": {"type": "bearer", "token": {"secret": "key"}}}
TASKS = 12


def test_a_data_folder_that_is_not_there_is_made(tmp_path):
    """Also where the scratch folder is elsewhere, so that nothing else makes it."""
    with worker_process(tmp_path / "data", ORC_SCRATCH_DIR=str(tmp_path / "scratch")) as worker:
        assert worker.load(INLINE, table()) == 2


@needs_landlock
def test_a_secrets_folder_made_anew_is_another_workers(tmp_path):
    """One that would find no secret in it says so and ends; the next attempt gets another worker."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    with worker_process(tmp_path / "data", ORC_SECRETS_DIR=str(secrets)) as worker:
        secrets.rename(tmp_path / "old")
        secrets.mkdir()
        (secrets / "key").write_text("hush-hush")
        answer = worker.perform(API, DISCARD)
        assert (answer.kind, answer.retryable, answer.fatal) == ("worker_died", True, True)


@needs_landlock
def test_a_secret_that_is_out_of_reach_is_told_as_that(tmp_path):
    """A link out of the folder of secrets is there, and who looks for the reason must not be told that it is not."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "elsewhere").write_text("hush-hush")
    (tmp_path / "secrets/key").symlink_to(tmp_path / "elsewhere")
    with worker_process(tmp_path / "data", ORC_SECRETS_DIR=str(tmp_path / "secrets")) as worker:
        kind, message = worker.fail(API, DISCARD)
    assert kind == "secret_missing"
    assert f"the file {tmp_path}/secrets/key (which the worker cannot read: Permission denied)" in message


def test_more_files_than_may_be_open_are_told_as_that(tmp_path):
    """The error says how many the process may hold and what to do, and the worker goes on."""
    most = 100
    for number in range(most):
        (tmp_path / f"{number}.csv").write_text("id\n1\n")
    with worker_process(tmp_path) as worker:
        resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE, (most, most))
        kind, message = worker.fail({"type": "csv", "path": "*.csv"}, DISCARD)
        assert (kind, f"this process may hold {most}: raise" in message) == ("source_malformed", True)
        assert worker.load({"type": "csv", "path": "1*.csv"}, DISCARD) == 11


def test_tasks_leave_nothing_open(tmp_path):
    """Whatever becomes of a task, a worker has as many descriptors after it as before."""
    (tmp_path / "a.csv").write_text("id,x\n1,a\n2,b\n")
    (tmp_path / "bad.csv").write_text("a,b\n1\n")
    (tmp_path / "no.duckdb").write_text("nonsense" * 100)
    os.mkfifo(tmp_path / "fifo.csv")
    csv = {"type": "csv", "path": "a.csv"}
    tasks = [
        (csv, table(), Loaded), (csv, DISCARD, Loaded), ({**csv, "path": "bad.csv"}, table(), Failed),
        (csv, {"type": "parquet", "path": "p", "partition_by": ["x"], "write_disposition": "append"}, Loaded),
        ({**csv, "path": "bad.csv"}, {"type": "parquet", "path": "q"}, Failed),
        ({**csv, "path": "fifo.csv"}, table(), Failed), ({**csv, "path": "none.csv"}, table(), Failed),
        (csv, {**table(), "db_path": "no.duckdb"}, Failed),
    ]  # fmt: skip
    with worker_process(tmp_path, (*WORKER, OFFLINE)) as worker:
        descriptors = Path(f"/proc/{worker.process.pid}/fd")

        def perform():
            for extractor, loader, expected in tasks:
                worker.say(order(extractor, loader))
                assert isinstance(worker.answer(), expected)
            return sum(1 for _ in descriptors.iterdir())

        perform()
        first = perform()
        assert [perform() for _ in range(TASKS)] == [first] * TASKS
