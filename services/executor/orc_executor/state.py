"""
State: what a target keeps of a task between runs, committed together with the rows.

    look      the target hands it to the source, which asks for what is beyond it
    load      what was read since is saved in the transaction that loads the rows; when another run of the task saved
              its own meanwhile, nothing is loaded and the order begins again

The cursor is kept as the text that the source wrote, so that no precision is lost, beside the type that orders it.
"""

from msgspec import Struct, structs

from orc_domain.run_messages import CursorSet


class TaskState(Struct, frozen=True, kw_only=True):
    """What a task knows of its source; empty before the first load."""

    version: int = 0
    """Of the state: 1 more with each load."""
    cursor: str | None = None
    cursor_type: str | None = None
    """The DuckDB type by which cursors are compared; None of one that somebody set."""
    boundary: tuple[tuple[str, str], ...] = ()
    """Digest and cursor of the rows from the lag before the cursor on: those that may come again."""
    set_version: int = 0
    """The version of the job whose `cursor set` was last applied."""
    etag: str | None = None
    last_modified: str | None = None
    files: dict[str, str] = {}
    """Path to mark (size and time, or etag) of every file that was loaded, for sources that read only new ones."""


NO_STATE = TaskState()


def set_by(cursor_set: CursorSet, state: TaskState) -> TaskState:
    """Return the state to go on from when a cursor was set, unless the target has applied that, or a later one."""
    if cursor_set.version <= state.set_version:
        return state
    if cursor_set.value is None:
        return TaskState(version=state.version, set_version=cursor_set.version)
    return structs.replace(
        state, cursor=cursor_set.value, cursor_type=None, boundary=(), set_version=cursor_set.version
    )


class Learned(Struct, frozen=True, kw_only=True):
    """What a source found out while it gathered, to be kept with the rows."""

    files: dict[str, str] = {}
    """Of the files that were read, where only new ones are."""
    etag: str | None = None
    last_modified: str | None = None
    """Of the last answer; one without them leaves none of an earlier one, which would be of other rows."""
    is_unchanged: bool = False
    """The source says that nothing changed since the state: the table stays as it is, even one to be replaced."""


NOTHING_LEARNED = Learned()


def following(state: TaskState, learned: Learned) -> TaskState:
    """Return the state after a load that went on from `state`."""
    return structs.replace(
        state,
        version=state.version + 1,
        files={**state.files, **learned.files},
        etag=learned.etag,
        last_modified=learned.last_modified,
    )
