"""A loader that is a plugin: receipts and fences are ours, and one that misbehaves gets no receipt."""

from uuid import uuid4

import pytest
from support.plugins import MANY_WAYS, MODULES, announce
from support.worker_process import INLINE, order, worker_process

from orc_executor.frames import Loaded, NoReceipt
from orc_executor.worker import EXIT_UNCERTAIN


@pytest.fixture
def worker(tmp_path):
    announce(tmp_path / "site", MANY_WAYS)
    with worker_process(tmp_path, PYTHONPATH=f"{tmp_path / 'site'}:{MODULES}") as one:
        yield one


def basket(do="well"):
    return {"type": "basket", "do": do}


def test_a_load_is_told_with_its_receipt(worker):
    """Rows are counted by the engine, and the receipt is found again by the next attempt."""
    run = uuid4()
    first = worker.perform(INLINE, basket(), run_id=run)
    assert (first.result.rows, first.already, bool(first.result.receipt)) == (2, False, True)
    assert worker.perform(INLINE, basket(), run_id=run, attempt=2, check_receipt=True) == Loaded(
        first.result, already=True
    )
    assert worker.perform(INLINE, basket(), run_id=uuid4(), settle=True) == NoReceipt()


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("failing", "the plugin basket failed: RuntimeError: the basket has a hole"),
        ("hiding", "the plugin basket hid an error that its transaction was to end with"),
        ("lazy", "the plugin basket did not read every row"),
        ("forgetful", "the plugin basket gave back another mark than it was given"),
    ],
)
def test_one_that_misbehaves_gets_no_receipt(worker, do, message):
    """The task fails naming it, and the worker takes the next order."""
    run = uuid4()
    rows = {"type": "ways", "do": "rows"} if do != "lazy" else _many(worker)
    assert worker.fail(rows, basket(do), run_id=run) == ("internal", message)
    assert worker.perform(INLINE, basket(), run_id=run, attempt=2, settle=True) == NoReceipt()


def test_an_error_in_the_commit_leaves_it_to_the_receipt(worker):
    """Nobody knows whether it happened, so the process ends without an answer, as after a crash."""
    worker.say(order(INLINE, basket("uncertain")))
    with pytest.raises(EOFError, match="the line broke in the commit"):
        worker.answer()
    assert worker.process.wait(10) == EXIT_UNCERTAIN


def _many(worker):
    (worker.data_dir / "many.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(200_000)))
    return {"type": "csv", "path": "many.csv"}
