"""
Traps: what a database file may hold so that our statements do other things than they say.

A file may come from anywhere. Tables are only rows, but a trigger runs with each of our writes, a view in place of a
table of ours runs with each of our reads, and a type called JSON makes a column that is none: with what the worker may
read, other people's files among it. Such a file is refused before anything else is asked of it.

What else a file can hold does nothing: our statements name tables with database and schema, and the functions they call
are looked up in our own database, where a file's macros are not.
"""

from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import TargetUnusable, storable

_TRAPS = load("orc_executor", "target_traps")
_TYPE = "the type"
_SHOWN_MAX = 3
_SHOWN_CHARACTERS_MAX = 200


def check_traps(engine: Engine, name: str) -> None:
    """Refuse the attached file when it holds one; raises TargetUnusable, duckdb.Error."""
    # Types are compared here: asking DuckDB for its own each time would take as long as all else does.
    found = [
        f"{kind} {schema}.{trap}"
        for kind, schema, trap in engine.run(_TRAPS)
        if kind != _TYPE or trap.lower() in engine.own_types
    ]
    if not found:
        return
    shown = ", ".join(found[:_SHOWN_MAX])
    raise TargetUnusable(
        f"{name}: it holds {storable(shown, _SHOWN_CHARACTERS_MAX)}, which would take part in loading: drop it"
    )
