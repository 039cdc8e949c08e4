"""
The oracle: what must hold at the end of every seed, told from events and file contents alone.

It knows no decider and no service, only names of events and what their JSON says: a rule of the product that is wrong
must not be wrong here too.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

ENDS = {"run.succeeded": "success", "run.failed": "failed", "run.cancelled": "cancelled"}


class Story:
    """One run as the log tells it."""

    def __init__(self, name: str, recorded: list[Any]) -> None:
        self.name, self.recorded = name, recorded
        self.events = [(one.type, msgspec.json.decode(one.data), one) for one in recorded]
        self.requested = self.events[0][1]
        self.run_id, self.root_id = UUID(self.requested["run_id"]), UUID(self.requested["root_id"])
        self.tasks = [UUID(task["task_id"]) for task in self.requested["tasks"]]

    @property
    def status(self) -> str | None:
        """How it ended; None when it has not."""
        return ENDS.get(self.events[-1][0])

    def of(self, wire_type: str) -> list[dict[str, Any]]:
        """Return what these events say."""
        return [data for kind, data, _ in self.events if kind == wire_type]


def judge(world: Any) -> list[str]:
    """Return each invariant that is broken, its name first."""
    log = world.database.log
    stories = [Story(name, events) for name, events in log._streams.items() if name.startswith("run-")]
    loads = [load for target in world.targets.values() for load in target.committed.loads]
    receipts = [one for target in world.targets.values() for one in target.committed.receipts]
    return [
        *_alive(world),
        *_positions(log),
        *_answered(world),
        *_taken(world),
        *_files(loads, receipts),
        *(broken for story in stories for broken in _attempts(story)),
        *(broken for story in stories for broken in _ended(story, loads, receipts)),
        *_limits(log, stories),
        *_folds(world),
        *_stream(world),
    ]


def _alive(world: Any) -> Iterator[str]:
    for what in (*world.unexpected, *world.loop.faults):
        yield f"alive: {what}"


def _positions(log: Any) -> Iterator[str]:
    if [one.position for one in log._events] != list(range(1, len(log._events) + 1)):
        yield "positions: not 1..N"
    versions: Counter[str] = Counter()
    commands: dict[UUID, tuple[str, int]] = {}
    for one in log._events:
        versions[one.stream] += 1
        if one.version != versions[one.stream]:
            yield f"positions: {one.stream} has version {one.version} after {versions[one.stream] - 1}"
        before = commands.get(one.command_id)
        if before is not None and before != (one.stream, one.position - 1):
            yield f"positions: command {one.command_id} was appended twice"
        commands[one.command_id] = (one.stream, one.position)


def _answered(world: Any) -> Iterator[str]:
    """Judge that who was told `done` finds it in the log."""
    events = world.database.log._events
    for wish in world.wishes:
        if wish.outcome is None:
            yield f"answered: {wish.key} never was"
            continue
        kind, body, position = wish.outcome
        if kind != "done":
            continue
        if not 1 <= position <= len(events):
            yield f"answered: {wish.key} was told position {position} of {len(events)}"
            continue
        event = events[position - 1]
        about = body.get("run_id", body["job_id"])
        wanted = {"create": "job.created", "request": "run.requested", "retry": "run.requested"}.get(
            wish.kind
        )
        if not event.stream.endswith(about) or (wanted and event.type != wanted):
            yield f"answered: {wish.key} was told of {event.type} in {event.stream}, about {about}"
        if wish.kind == "cancel" and not any(
            one.type in ("run.cancel_requested", "run.cancelled") and one.stream == event.stream
            for one in events[:position]
        ):
            yield f"answered: {wish.key} was told of a cancel that is not in the log"


def _taken(world: Any) -> Iterator[str]:
    """Judge that no command is forgotten that JetStream had, unless it was made to forget."""
    if world.faults.struck.keys() & {"streams erased", "broker erased", "broker restored"}:
        return
    for command_id in world.broker.taken:
        if command_id not in world.database.log._commands:
            yield f"taken: command {command_id} was stored by JetStream and left no trace in the log"


def _files(loads: list[Any], receipts: list[Any]) -> Iterator[str]:
    rows = Counter((load.root_id, load.task_id) for load in loads)
    proofs = Counter((one.root_id, one.task_id) for one in receipts)
    for key in rows | proofs:
        if rows[key] != 1 or proofs[key] != 1:
            yield f"files: task {key[1]} of root {key[0]}: {rows[key]} loads, {proofs[key]} receipts"


def _attempts(story: Story) -> Iterator[str]:
    """Judge the order of a run's events: attempts 1..n, one at a time, each told by its own executor."""
    attempt, owner, is_open, done, is_ended = 0, "", False, 0, False
    for place, (kind, data, recorded) in enumerate(story.events):
        where = f"attempts: {story.name} version {recorded.version}, {kind}"
        if is_ended:
            yield f"{where} after its end"
        if (kind == "run.requested") != (place == 0):
            yield f"{where} out of place"
        if kind == "run.started":
            if is_open or data["attempt"] != attempt + 1:
                yield f"{where}: attempt {data['attempt']} after {attempt}"
            attempt, owner, is_open = data["attempt"], f"executor:{data['executor']}", True
        elif kind not in ("run.requested", "run.cancel_requested"):
            yield from _word(where, data, recorded, attempt, owner, is_open=is_open)
        if kind == "task.succeeded":
            done += 1
            if data["task_order"] != done:
                yield f"{where}: task {data['task_order']} after {done - 1}"
        is_open = is_open and kind not in ENDS and kind != "run.attempt_failed"
        is_ended = is_ended or kind in ENDS


def _word(where: str, data: Any, recorded: Any, attempt: int, owner: str, *, is_open: bool) -> Iterator[str]:
    if data["attempt"] == 0 and attempt == 0:
        return
    if not is_open or data["attempt"] != attempt:
        yield f"{where} of attempt {data['attempt']}, but {attempt} was the last (open: {is_open})"
    # An executor keeps its name when it is started again, so the name alone does not tell its attempts apart.
    says = recorded.actor
    if says != owner and not (says == "scheduler" and data.get("kind") == "lost"):
        yield f"{where} by {says}, but {owner} owns attempt {attempt}"


def _ended(story: Story, loads: list[Any], receipts: list[Any]) -> Iterator[str]:
    if story.status is None:
        yield f"ended: {story.name} has not, its last event is {story.events[-1][0]}"
        return
    told = story.of("task.succeeded")
    if story.status == "success":
        for task_id in story.tasks:
            proofs = [one for one in receipts if (one.root_id, one.task_id) == (story.root_id, task_id)]
            rows = [one for one in loads if (one.root_id, one.task_id) == (story.root_id, task_id)]
            if len(proofs) != 1 or len(rows) != 1:
                yield f"success: {story.name}: task {task_id} has {len(proofs)} receipts, {len(rows)} loads"
        by_id = {one.load_id: one for one in receipts}
        for data in told:
            if data["result"]["receipt"] not in by_id:
                yield f"success: {story.name}: no file has receipt {data['result']['receipt']}"
        return
    mine = [one for one in receipts if one.run_id == story.run_id]
    if len({one.task_id for one in mine}) == len(story.tasks):
        yield f"not loaded: {story.name} ended {story.status} with its rows loaded in full"
    known = {data["result"]["receipt"] for data in told}
    for one in mine:
        if one.load_id not in known:
            yield f"not loaded: {story.name} ended {story.status}, unaware of a load of attempt {one.attempt}"


def _limits(log: Any, stories: list[Story]) -> Iterator[str]:
    """Judge that never more runs of a job were running at once than each of them allows; settling loads nothing."""
    allowed = {story.name: story.requested.get("concurrency_max") for story in stories}
    jobs = {story.name: story.requested["job_id"] for story in stories}
    running: dict[str, set[str]] = {}
    for one in log._events:
        if allowed.get(one.stream) is None:
            continue
        now = running.setdefault(jobs[one.stream], set())
        if one.type == "run.started" and not msgspec.json.decode(one.data)["settle"]:
            now.add(one.stream)
            if len(now) > allowed[one.stream]:
                yield f"limits: {one.stream} was started at {one.position} beside {now - {one.stream}}"
        elif one.type in ENDS or one.type == "run.attempt_failed":
            now.discard(one.stream)


def _folds(world: Any) -> Iterator[str]:
    tables, log = world.database.tables, world.database.log
    head = len(log._events)
    places = {
        "reader": tables.get("reader.checkpoints", {}).get("reader", {}).get("position"),
        "calendar": tables.get("scheduler.checkpoints", {}).get("calendar", {}).get("position"),
        "relay": tables.get("scheduler.checkpoints", {}).get("relay", {}).get("position"),
    }
    for name, position in places.items():
        if position != head:
            yield f"folds: {name} stands at {position} of {head}"
    folds = {name: fold["seen"] for name, fold in tables.get("reader.folds", {}).items()}
    refolded = {
        name: tuple((one.position, one.version, one.type) for one in events)
        for name, events in log._streams.items()
    }
    for name in folds.keys() | refolded.keys():
        if folds.get(name) != refolded.get(name):
            yield f"folds: the reader's fold of {name} is not what the log gives"
    if is_open := tables.get("scheduler.open_runs"):
        yield f"folds: {len(is_open)} runs are open in the scheduler's table"
    jobs = {UUID(name.removeprefix("job-")) for name in log._streams if name.startswith("job-")}
    if set(tables.get("scheduler.jobs", {})) != jobs:
        yield "folds: the calendar's jobs are not the log's"


def _stream(world: Any) -> Iterator[str]:
    """Judge that subscribers of the events find each once, in order, also after the store was erased or put back."""
    stream = world.broker.jetstream.streams.get("ORC_EVENTS")
    if stream is None:
        yield "stream: there is none"
        return
    told = [int(message.headers["ce-id"]) for message in stream.messages.values()]
    if told != list(range(1, len(world.database.log._events) + 1)):
        yield f"stream: {len(world.database.log._events)} events in the log, on the bus {told}"
