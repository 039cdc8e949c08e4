"""What a DuckDB file remembers of a task, in its schema `_orc`."""

from typing import Any

import duckdb
import msgspec
from msgspec import structs

from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.frames import TaskOrder
from orc_executor.state import NO_STATE, Learned, TaskState

_PACKAGE = "orc_executor"
_CREATE = tuple(load(_PACKAGE, name) for name in ("target_schema", "target_states", "target_files"))
_READ, _DROP, _WRITE = (load(_PACKAGE, name) for name in ("state_read", "state_drop", "state_write"))
_FILES_READ, _FILES_DROP, _FILES_WRITE, _FILES_FORGET = (
    load(_PACKAGE, name) for name in ("files_read", "files_drop", "files_write", "files_forget")
)


def read_state(engine: Engine, order: TaskOrder) -> TaskState:
    """Return what the attached target remembers of the order's task."""
    try:
        rows: list[tuple[Any, ...]] = engine.run(_READ, [order.task_id])
        files = dict(engine.run(_FILES_READ, [order.task_id]))
    except duckdb.CatalogException:
        return NO_STATE
    if not rows:
        return structs.replace(NO_STATE, files=files)
    state = msgspec.json.decode(rows[0][1], type=TaskState)
    return structs.replace(state, files=files)


def save_state(engine: Engine, order: TaskOrder, state: TaskState, learned: Learned, load_id: str) -> None:
    """Remember the state, one version on, and what was learned, in the open transaction."""
    for statement in _CREATE:
        engine.run(statement)
    saved = structs.replace(
        state,
        version=state.version + 1,
        etag=learned.etag,
        last_modified=learned.last_modified,
        files={},
    )
    engine.run(_DROP, [order.task_id])
    said = msgspec.json.encode(saved).decode()
    engine.run(_WRITE, [order.task_id, saved.version, said, load_id])
    if not state.files:
        # Those of before a reset are to be loaded again, also where they are not there today.
        engine.run(_FILES_FORGET, [order.task_id])
    if learned.files:
        paths, marks = list(learned.files), list(learned.files.values())
        engine.run(_FILES_DROP, [order.task_id, paths])
        engine.run(_FILES_WRITE, [order.task_id, paths, marks, load_id])
