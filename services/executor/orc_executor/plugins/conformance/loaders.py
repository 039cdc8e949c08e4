"""What a loader must hold: whatever happens, every row is there once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct

from orc_domain.config import Config
from orc_domain.load import parse_loader
from orc_domain.rejection import Invalid
from orc_executor.frames import Failed, NoReceipt
from orc_executor.plugins.conformance.bench import Died, NotConforming, order_of, worker_at_hand

MANY_ROWS = 200_000
"""More than one batch holds."""
_UNKNOWN_WORD = "no_such_word"
_OLD = {"type": "inline", "rows": [{"id": -1, "name": "there before"}]}
_NEW: list[dict[str, Any]] = [
    {"id": 1, "name": "one"},
    {"id": 2, "name": "Größe 'zwei'"},
    {"id": 3, "name": None},
]
_INLINE = {"type": "inline", "rows": _NEW}

Rows = list[tuple[int, str | None]]


class LoaderCase(Struct, frozen=True, kw_only=True):
    """How to load into a target that is new, and to read it back."""

    folder: Path
    """An empty one; each check has a data folder of its own in it."""
    config: Callable[[Path], Config]
    """Return the config of a target that holds nothing yet, for a check with this data folder; it replaces."""
    read_back: Callable[[Path], Rows]
    """Return `id` and `name` of every row of that target, in any order; nothing when there is no table yet."""
    environ: Mapping[str, str] = {}
    """More of the worker's environment: `{"ORC_SECRET_TOKEN": "…"}`."""


def unknown_words_are_refused(case: LoaderCase) -> None:
    """A word that the config does not know is refused where the job is created, with those that it knows."""
    _, config = _prepare(case, "words")
    parse_loader(config)
    try:
        parse_loader({**config, _UNKNOWN_WORD: 1})
    except Invalid as refusal:
        if not (refusal.field or "").endswith(_UNKNOWN_WORD) or not refusal.valid:
            raise NotConforming(f"the refusal names {refusal.field}, valid {refusal.valid}") from refusal
        return
    raise NotConforming("a word that nobody knows was taken")


def every_row_is_loaded(case: LoaderCase) -> None:
    """The rows are there as they were, null and quotes among them, and many of them, too."""
    folder, config = _prepare(case, "rows")
    with worker_at_hand(folder, case.environ) as worker:
        loaded = worker.load(order_of(_INLINE, config))
        _expect(case, folder, _tuples(), "after a load")
        if loaded.result.rows != len(_NEW) or not loaded.result.receipt:
            raise NotConforming(f"the load was told as {loaded.result!r}")
        worker.load(order_of(_many(folder), config))
    _expect(case, folder, [(n, f"row {n}") for n in range(MANY_ROWS)], "after a load of many rows")


def a_repeated_order_loads_nothing(case: LoaderCase) -> None:
    """The same order again, the next attempt and a look all find the receipt."""
    folder, config = _prepare(case, "repeated")
    run = uuid4()
    with worker_at_hand(folder, case.environ) as worker:
        if (said := worker.perform(order_of(_INLINE, config, run_id=run, settle=True))) != NoReceipt():
            raise NotConforming(f"before the load a look was answered with {said!r}")
        first = worker.load(order_of(_INLINE, config, run_id=run))
        # Rows of another source would be seen.
        for more in ({}, {"attempt": 2, "check_receipt": True}, {"attempt": 3, "settle": True}):
            again = worker.load(order_of(_OLD, config, run_id=run, **more))
            if not again.already or again.result != first.result:
                raise NotConforming(f"a repeated order was answered with {again!r}, the first with {first!r}")
    _expect(case, folder, _tuples(), "after repeated orders")


def an_earlier_attempt_is_held_back(case: LoaderCase) -> None:
    """An attempt that slept loads nothing once a later one has looked; the later one does."""
    folder, config = _prepare(case, "fence")
    run = uuid4()
    with worker_at_hand(folder, case.environ) as later, worker_at_hand(folder, case.environ) as earlier:
        later.perform(order_of(_INLINE, config, run_id=run, attempt=3, settle=True))
        answer = earlier.perform(order_of(_OLD, config, run_id=run, attempt=2))
        if not isinstance(answer, Failed):
            raise NotConforming(f"an attempt that was held back was answered with {answer!r}")
        _expect(case, folder, [], "after an attempt that was held back")
        later.load(order_of(_INLINE, config, run_id=run, attempt=3))
    _expect(case, folder, _tuples(), "after the later attempt")


def a_failing_source_changes_nothing(case: LoaderCase) -> None:
    """When the source breaks off in its midst, the target is as before; the next attempt loads."""
    folder, config = _prepare(case, "failing")
    run = uuid4()
    with worker_at_hand(folder, case.environ) as worker:
        worker.load(order_of(_OLD, config))
    with worker_at_hand(folder, case.environ, point="source_breaks") as worker:
        # Loaders that DuckDB writes for meet the spoilt row, all others a reader that fails.
        answer = worker.perform(order_of(_many(folder, last="no number"), config, run_id=run))
        if not isinstance(answer, Failed) or answer.kind != "source_malformed":
            raise NotConforming(f"a source that broke off was answered with {answer!r}")
        _expect(case, folder, [(-1, "there before")], "after a source that broke off")
    with worker_at_hand(folder, case.environ) as worker:
        worker.load(order_of(_INLINE, config, run_id=run, attempt=2, check_receipt=True))
    _expect(case, folder, _tuples(), "after the next attempt")


def a_crash_loses_and_doubles_nothing(case: LoaderCase) -> None:
    """Killed in its midst, before its commit and after it: nothing or all is there, then all, once."""
    for point, is_loaded in (("mid_write", False), ("before_commit", False), ("after_commit", True)):
        folder, config = _prepare(case, f"killed-{point}")
        run, many = uuid4(), _many(folder)
        with worker_at_hand(folder, case.environ) as worker:
            worker.load(order_of(_OLD, config))
        with worker_at_hand(folder, case.environ, point=point) as victim:
            try:
                raise NotConforming(
                    f"{point} never came: {victim.perform(order_of(many, config, run_id=run))!r}"
                )
            except Died:
                pass
        expected: Rows = [(n, f"row {n}") for n in range(MANY_ROWS)]
        _expect(case, folder, expected if is_loaded else [(-1, "there before")], f"killed at {point}")
        with worker_at_hand(folder, case.environ) as worker:
            again = worker.load(order_of(many, config, run_id=run, attempt=2, check_receipt=True))
        if again.already != is_loaded:
            raise NotConforming(f"killed at {point}, the next attempt was answered with {again!r}")
        _expect(case, folder, expected, f"after the attempt that followed {point}")


def two_at_once_load_once(case: LoaderCase) -> None:
    """Of two workers with the same task one loads, and the other finds its receipt."""
    folder, config = _prepare(case, "two")
    run, many = uuid4(), _many(folder)
    with worker_at_hand(folder, case.environ) as one, worker_at_hand(folder, case.environ) as other:
        for worker in (one, other):
            worker.say(order_of(many, config, run_id=run))
        answers = [worker.answer() for worker in (one, other)]
    already = sorted(str(getattr(answer, "already", answer)) for answer in answers)
    if already != ["False", "True"]:
        raise NotConforming(f"two at once were answered with {answers!r}")
    _expect(case, folder, [(n, f"row {n}") for n in range(MANY_ROWS)], "after two at once")


LOADER_CHECKS: tuple[Callable[[LoaderCase], None], ...] = (
    unknown_words_are_refused, every_row_is_loaded, a_repeated_order_loads_nothing, an_earlier_attempt_is_held_back,
    a_failing_source_changes_nothing, a_crash_loses_and_doubles_nothing, two_at_once_load_once,
)  # fmt: skip


def check_loader(case: LoaderCase) -> None:
    """Run every check; raises NotConforming at the first that fails."""
    for check in LOADER_CHECKS:
        check(case)


def _prepare(case: LoaderCase, name: str) -> tuple[Path, Config]:
    folder = case.folder / name
    folder.mkdir()
    return folder, case.config(folder)


def _many(folder: Path, last: str | None = None) -> Config:
    """Write a file of many rows, whose last one may be spoilt, and return the extractor's config for it."""
    lines = [f"{n},row {n}\n" for n in range(MANY_ROWS)]
    if last is not None:
        lines[-1] = f"{last},row\n"
    (folder / "many.csv").write_text("id,name\n" + "".join(lines))
    return {"type": "csv", "path": "many.csv", "columns": {"id": "BIGINT", "name": "VARCHAR"}}


def _tuples() -> list[tuple[Any, Any]]:
    return [(row["id"], row["name"]) for row in _NEW]


def _expect(case: LoaderCase, folder: Path, wanted: Rows, when: str) -> None:
    found = [tuple(row) for row in case.read_back(folder)]
    if sorted(found, key=str) != sorted(wanted, key=str):
        raise NotConforming(
            f"{when} the target holds {len(found)} rows, {found[:3]!r} …, not {wanted[:3]!r} …"
        )
