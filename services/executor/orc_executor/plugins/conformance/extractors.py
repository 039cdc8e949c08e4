"""What an extractor must hold."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from msgspec import Struct, convert

from orc_domain.config import Config
from orc_domain.extract import parse_extractor
from orc_domain.rejection import Invalid
from orc_domain.run_messages import CursorSet
from orc_executor.frames import Loaded, Progress, Stopped, TaskOrder
from orc_executor.plugins.conformance.bench import (
    STOP_SECONDS_MAX,
    Died,
    NotConforming,
    order_of,
    worker_at_hand,
)

_FILE, _TABLE = "conformance.duckdb", "found"
_OF_AN_ATTEMPT = re.compile(r"-1-\d+$")
_UNKNOWN_WORD = "no_such_word"


class ExtractorCase(Struct, frozen=True, kw_only=True):
    """One config of the plugin, over a source that gives the same each time it is asked."""

    config: Config
    """As a job has it, `type` and all."""
    folder: Path
    """The data folder: empty, or with the files that the config names. Each check makes files of its own in it."""
    rows: Sequence[Mapping[str, Any]] | None = None
    """What must come, in order; None asks only that something comes, and the same each time."""
    cursor: str | None = None
    """A value of `incremental.cursor` in the midst of the rows, for configs that have one."""
    environ: Mapping[str, str] = {}
    """More of the worker's environment: `{"ORC_SECRET_TOKEN": "…"}`."""


def every_row_comes(case: ExtractorCase) -> None:
    """The rows are all there, and in their order."""
    rows, _ = _extract(case, "rows")
    if not rows:
        raise NotConforming("no row came: give a source that has some")
    if case.rows is not None and rows != [dict(row) for row in case.rows]:
        raise NotConforming(
            f"{len(rows)} rows came, {len(case.rows)} were expected: {_difference(rows, case.rows)}"
        )


def types_and_order_are_stable(case: ExtractorCase) -> None:
    """A second run has the same columns, the same types and the same rows in the same order."""
    (first, types), (second, types_again) = _extract(case, "first"), _extract(case, "second")
    if types != types_again:
        raise NotConforming(f"the columns were {types}, then {types_again}")
    if first != second:
        raise NotConforming(f"the rows differ between two runs: {_difference(first, second)}")


def unknown_words_are_refused(case: ExtractorCase) -> None:
    """A word that the config does not know is refused where the job is created, with those that it knows."""
    parse_extractor(case.config)
    try:
        parse_extractor({**case.config, _UNKNOWN_WORD: 1})
    except Invalid as refusal:
        if not (refusal.field or "").endswith(_UNKNOWN_WORD) or not refusal.valid:
            raise NotConforming(f"the refusal names {refusal.field}, valid {refusal.valid}") from refusal
        return
    raise NotConforming("a word that nobody knows was taken")


def nothing_comes_twice(case: ExtractorCase) -> None:
    """An order that is given again loads nothing more."""
    order = _order(case, "twice")
    with worker_at_hand(case.folder, case.environ) as worker:
        first, again = worker.load(order), worker.load(order)
    if not again.already or len(_read(case, "twice")[0]) != first.result.rows:
        raise NotConforming("a repeated order was done again")


def a_stop_ends_it(case: ExtractorCase) -> None:
    """A stop in its midst ends it in time, its files go, and the next order is done."""
    with worker_at_hand(case.folder, case.environ) as worker:
        worker.say(_order(case, "stopped"))
        first = worker.frame(STOP_SECONDS_MAX * 10)
        if isinstance(first, Progress):
            worker.stop()
            try:
                answer = worker.answer(STOP_SECONDS_MAX)
            except TimeoutError:
                raise NotConforming(
                    f"it did not stop within {STOP_SECONDS_MAX:g} s: yield smaller batches, or ask check_stop"
                ) from None
            if not isinstance(answer, Stopped | Loaded):
                raise NotConforming(f"a stop was answered with {answer!r}")
        worker.load(_order(case, "after_stop"))
        within = os.fwalk(case.folder / ".scratch")
        if left := [name for _, names, _, _ in within for name in names if _OF_AN_ATTEMPT.search(name)]:
            raise NotConforming(f"the scratch folder still holds {', '.join(left)}")


def a_killed_attempt_is_made_up_for(case: ExtractorCase) -> None:
    """After a crash in its midst the next attempt brings every row, once."""
    order = _order(case, "killed")
    with worker_at_hand(case.folder, case.environ) as victim:
        victim.say(order)
        victim.frame(STOP_SECONDS_MAX * 10)
        victim.kill()
    again = _order(case, "killed", run_id=order.run_id, attempt=2, check_receipt=True)
    with worker_at_hand(case.folder, case.environ) as worker:
        try:
            loaded = worker.load(again)
        except Died as died:
            raise NotConforming(f"the worker process ended: {died}") from died
    if len(_read(case, "killed")[0]) != loaded.result.rows:
        raise NotConforming("rows of the killed attempt are there, too")


def a_cursor_goes_on(case: ExtractorCase) -> None:
    """From a cursor on no row beyond it is left out; for configs that have one."""
    if case.cursor is None:
        return
    column = case.config["incremental"]["cursor"]
    everything, types = _extract(case, "all")
    told = CursorSet(version=1, value=case.cursor)
    order = _order_of(case.config, "beyond", cursor_set=told)
    went_on, _ = _read_after(case, "beyond", order)
    with duckdb.connect() as connection:
        value = connection.execute(f"SELECT CAST(? AS {types[column]})", [case.cursor]).fetchone()
    assert value is not None
    beyond = [row for row in everything if row[column] is not None and row[column] > value[0]]
    if not beyond or len(beyond) == len(everything):
        raise NotConforming(f"the cursor {case.cursor} is not in the midst of the rows")
    there = [{name: row.get(name) for name in types} for row in went_on]
    if missing := [row for row in beyond if row not in there]:
        raise NotConforming(f"{len(missing)} rows beyond the cursor did not come, the first: {missing[0]}")


EXTRACTOR_CHECKS: tuple[Callable[[ExtractorCase], None], ...] = (
    unknown_words_are_refused, every_row_comes, types_and_order_are_stable, nothing_comes_twice, a_stop_ends_it,
    a_killed_attempt_is_made_up_for, a_cursor_goes_on,
)  # fmt: skip


def check_extractor(case: ExtractorCase) -> None:
    """Run every check; raises NotConforming at the first that fails."""
    for check in EXTRACTOR_CHECKS:
        check(case)


def _order(case: ExtractorCase, table: str, **more: Any) -> TaskOrder:
    """Order everything: where to begin is another check's affair."""
    return _order_of(
        {name: value for name, value in case.config.items() if name != "incremental"}, table, **more
    )


def _order_of(config: Config, table: str, **more: Any) -> TaskOrder:
    loader = {"type": "duckdb", "db_path": f"{table}-{_FILE}", "table_name": _TABLE}
    return order_of(config, {**loader, "write_disposition": "append"}, **more)


def _extract(case: ExtractorCase, table: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    return _read_after(case, table, _order(case, table))


def _read_after(
    case: ExtractorCase, table: str, order: TaskOrder
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    with worker_at_hand(case.folder, case.environ) as worker:
        worker.load(order)
    return _read(case, table)


def _read(case: ExtractorCase, table: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    with duckdb.connect(str(case.folder / f"{table}-{_FILE}"), read_only=True) as connection:
        if not connection.execute("FROM duckdb_tables() WHERE table_name = ?", [_TABLE]).fetchall():
            # No row came, so nothing is known of columns either.
            return [], {}
        rows = connection.sql(f"SELECT * FROM {_TABLE}").to_arrow_table().to_pylist()
        types = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {_TABLE})").fetchall()
    return convert(rows, list[dict[str, Any]]), dict(types)


def _difference(found: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> str:
    for place, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if dict(one) != dict(other):
            return f"row {place} is {one!r}, not {other!r}"
    return f"{len(found)} and {len(wanted)}"
