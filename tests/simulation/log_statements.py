"""The statements of the log and of checkpoints: `MemoryLog` behind the arrays of `log.append`."""

import re
from pathlib import Path
from typing import Any

from msgspec import structs
from simulation.tables import Row, View, seconds

from orc_events.errors import CommandConflict, CommandExpired, TypeNotAllowed, VersionConflict
from orc_events.event import Append, NewEvent
from orc_events.memory import MemoryLog

ROOT = Path(__file__).parents[2]


def rights() -> dict[str, frozenset[str]]:
    """Read from the migrations who may append what."""
    found: dict[str, set[str]] = {}
    for path in ROOT.glob("services/*/*/migrations/*.sql"):
        _, _, said = path.read_text().partition("INSERT INTO log.rights")
        for role, wire_type in re.findall(r"\('(orc_\w+)', '([\w.]+)'\)", said):
            found.setdefault(role, set()).add(wire_type)
    return {role: frozenset(types) for role, types in found.items()}


def run_now(work: Any) -> Any:
    """Return what a coroutine returns that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def append(view: View, *arrays: list[Any]) -> list[Row]:
    (ids, hashes, streams, expected, actors, correlations, occurred, results, deadlines, counts, types,
     schemas, data) = arrays  # fmt: skip
    events = iter(NewEvent(*one) for one in zip(types, data, schemas, strict=True))
    answers = []
    view.log._role = f"orc_{view.schema}"
    for index, command_id in enumerate(ids):
        item = Append(
            command_id=command_id, body_hash=hashes[index], stream=streams[index],
            expected_version=expected[index], events=tuple(next(events) for _ in range(counts[index])),
            actor=actors[index], correlation_id=correlations[index], occurred_at=occurred[index],
            result=results[index], deadline=deadlines[index],
        )  # fmt: skip
        answers.append(_append_one(view.log, item))
    names = ("outcomes", "positions", "versions", "recorded_results", "details")
    return [{"role": view.log._role} | dict(zip(names, map(list, zip(*answers, strict=True)), strict=True))]


def _append_one(log: MemoryLog, item: Append) -> tuple[str, int, int, str | None, str]:
    try:
        done = run_now(log.append(item))
    except VersionConflict as error:
        return "version_conflict", 0, error.actual, None, ""
    except CommandConflict:
        return "command_conflict", 0, 0, None, ""
    except CommandExpired:
        return "expired", 0, 0, None, ""
    except TypeNotAllowed as error:
        return "type_not_allowed", 0, 0, None, error.event_type
    return "repeated" if done.repeated else "appended", done.position, done.version, done.result, ""


def read_after(view: View, after: int, limit: int) -> list[tuple[Any, ...]]:
    return [structs.astuple(one) for one in view.log._events[after : after + limit]]


def read_streams(view: View, streams: list[str], afters: list[int]) -> list[tuple[Any, ...]]:
    pairs = zip(streams, afters, strict=True)
    return [structs.astuple(one) for name, after in pairs for one in view.log._streams.get(name, ())[after:]]


def head(view: View) -> list[tuple[int, bytes]]:
    return [structs.astuple(run_now(view.log.chain_head()))]


def command(view: View, command_id: Any) -> list[Row]:
    known = run_now(view.log.command(command_id))
    return [structs.asdict(known)] if known else []


# --- checkpoints --------------------------------------------------------------------------------------------------


def checkpoint_take(view: View, name: str, holder: str, lease: float) -> list[Row]:
    table = f"{view.schema}.checkpoints"
    held = view.get(table, name)
    if held is not None and held["holder"] != holder and held["lease_until"] >= view.now:
        return []
    position = held["position"] if held else 0
    view.put(table, name, {"position": position, "holder": holder, "lease_until": view.now + seconds(lease)})
    return [{"position": position}]


def checkpoint_move(view: View, name: str, start: int, end: int, *more: Any) -> list[Row]:
    holder, lease = more
    table = f"{view.schema}.checkpoints"
    held = view.get(table, name)
    if held is None or held["position"] != start or held["holder"] != holder:
        return []
    view.put(table, name, {"position": end, "holder": holder, "lease_until": view.now + seconds(lease)})
    return [{"position": end}]


def checkpoint_release(view: View, name: str, holder: str) -> list[Row]:
    table = f"{view.schema}.checkpoints"
    held = view.get(table, name)
    if held is not None and held["holder"] == holder:
        view.put(table, name, held | {"lease_until": view.now - seconds(1)})
    return []


def checkpoint_position(view: View, name: str) -> list[Row]:
    held = view.get(f"{view.schema}.checkpoints", name)
    return [{"position": held["position"]}] if held else []
