"""
Follow a run to its end: its events from the log as they come, its progress in between.

    stream of /runs/{id}/events → line or bar → the event that ends it → the run as REST shows it

The stream may break (a gateway restarts); then it is asked for again after the last event seen.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from orc.client import Gateway, ServerEvent
from orc.errors import Refused, Unreachable
from orc.output import plain, show_json
from orc.sizes import bytes_in_words

ENDS = frozenset({"run.succeeded", "run.failed", "run.cancelled"})
PROGRESS = "progress"
PASSING = frozenset({429, 503})
"""What a gateway answers that will soon answer otherwise."""
PROGRESS_SECONDS = 1.0
PAUSE_SECONDS = 0.5
LOST_SECONDS_MAX = 60.0


class Screen(Protocol):
    """Where a follower shows what comes."""

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Show an event of the log."""

    def progress(self, data: dict[str, Any]) -> None:
        """Show how far a task is."""


class JsonScreen:
    """A JSON line for each, for programs."""

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Print the event under its type."""
        show_json({"event": name, "data": data})

    def progress(self, data: dict[str, Any]) -> None:
        """Print it like an event."""
        show_json({"event": PROGRESS, "data": data})


class LineScreen:
    """A line for each event, and one for progress now and then: what a log or a pipe can take."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Print what matters of it."""
        print(f"  {name:19} {describe(name, data)}".rstrip(), flush=True)

    def progress(self, data: dict[str, Any]) -> None:
        """Print how far it is, unless that was told a moment ago."""
        now = time.monotonic()
        if now < self._silent_until:
            return
        self._silent_until = now + PROGRESS_SECONDS
        print(f"  {PROGRESS:19} task {_order(data)}: {', '.join(known(data)) or 'begun'}", flush=True)


class BarScreen:
    """A bar for each task, for a person at a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[int, TaskID] = {}

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Print the event above the bars, and close the bar of a task that ended."""
        if name in {"task.succeeded", "task.failed"}:
            result = data.get("result", {})
            ended = {"rows": result.get("rows"), "bytes": result.get("bytes")}
            self._bar(_order(data), ended | {"percent": 100.0 if name == "task.succeeded" else None})
        self._progress.console.print(f"  {name:19} {describe(name, data)}".rstrip(), markup=False)

    def progress(self, data: dict[str, Any]) -> None:
        """Move the bar of a task; without a known end it only counts."""
        self._bar(_order(data), data)

    def _bar(self, order: int, data: dict[str, Any]) -> None:
        if order not in self._bars:
            self._bars[order] = self._progress.add_task(f"task {order}", total=None, known="")
        percent = data.get("percent")
        self._progress.update(
            self._bars[order],
            completed=percent or 0.0,
            total=100.0 if percent is not None else None,
            known=", ".join(known(data)),
        )


def known(data: dict[str, Any]) -> list[str]:
    """Say what progress tells: rows, share, bytes, pace, and whether it is still brought near."""
    # Rows are counted only once the engine writes them; a scan tells its share before.
    percent, rate, pace = data.get("percent"), data.get("rows_per_second"), data.get("bytes_per_second")
    said = [
        f"{data['rows']:,} rows" if data.get("rows") else None,
        None if percent is None else f"{percent:.0f} %",
        bytes_in_words(data["bytes"]) if data.get("bytes") else None,
        f"{rate:,.0f} rows/s" if rate else f"{bytes_in_words(pace)}/s" if pace else None,
        "fetching" if data.get("phase") == "gather" and data.get("bytes") else None,
    ]
    return [word for word in said if word is not None]


def follow_run(gateway: Gateway, run_id: str, *, as_json: bool = False) -> dict[str, Any]:
    """Show a run's events until it has ended; returns the run as it ended."""
    if as_json or not sys.stdout.isatty():
        return _follow(gateway, run_id, JsonScreen() if as_json else LineScreen())
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(complete_style="cyan", finished_style="green"),
        TextColumn("{task.fields[known]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(highlight=False)) as progress:
        return _follow(gateway, run_id, BarScreen(progress))


def _follow(gateway: Gateway, run_id: str, screen: Screen) -> dict[str, Any]:
    for event in endless(gateway, f"/runs/{run_id}/events"):
        data = json.loads(event.data)
        if event.name == PROGRESS:
            screen.progress(data)
            continue
        # What the log holds of an event is under `data`; beside it stands where and when.
        screen.event(event.name, data.get("data", data))
        if event.name in ENDS:
            break
    return _ended(gateway, run_id)


def endless(gateway: Gateway, path: str, after: str | None = None, **params: Any) -> Iterator[ServerEvent]:
    """Yield a stream's events for ever, each once; raises Unreachable when it stays away too long."""
    lost_at: float | None = None
    while True:
        try:
            for event in gateway.follow(path, after, **params):
                lost_at = None
                after = event.id or after
                yield event
        except (Unreachable, Refused) as error:
            if isinstance(error, Refused) and error.status not in PASSING:
                raise
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at > LOST_SECONDS_MAX:
                raise
        time.sleep(PAUSE_SECONDS)


def _ended(gateway: Gateway, run_id: str) -> dict[str, Any]:
    # The read tables follow the log within milliseconds; the event may be here first.
    deadline = time.monotonic() + LOST_SECONDS_MAX
    while True:
        run: dict[str, Any] = gateway.get(f"/runs/{run_id}")
        if run["status"] not in {"queued", "running"} or time.monotonic() > deadline:
            return run
        time.sleep(0.05)


def describe(name: str, data: dict[str, Any]) -> str:
    """Say in a few words what an event of a run tells."""
    match name:
        case "run.requested":
            tasks = len(data.get("tasks", []))
            return plain(f"{data.get('triggered_by', '')}, {tasks} task{'' if tasks == 1 else 's'}")
        case "run.started":
            return plain(f"attempt {data.get('attempt')} by {data.get('executor')}")
        case "task.succeeded":
            result = data.get("result", {})
            took = f"task {_order(data)}: {result.get('rows', 0):,} rows in {result.get('seconds', 0):.2f} s"
            return plain("; ".join([took, *troubles(result)]))
        case "task.failed" | "run.attempt_failed" | "run.failed":
            words = [data.get("kind"), data.get("message")]
            retry = f"again at {data['retry_at']}" if data.get("retry_at") else None
            return plain(": ".join(str(word) for word in [*words, retry] if word))
        case "run.cancel_requested" | "run.cancelled":
            return plain(data.get("reason") or "")
    return ""


def troubles(result: dict[str, Any]) -> list[str]:
    """Say what a person should know of a task that succeeded: bad rows, changed tables, warnings."""
    bad = result.get("bad_rows") or 0
    return [
        *([f"{bad:,} bad row{'' if bad == 1 else 's'}"] if bad else []),
        *result.get("schema_changes", ()),
        *(f"warning: {warning}" for warning in result.get("warnings", ())),
    ]


def _order(data: dict[str, Any]) -> int:
    return int(data.get("task_order") or data.get("task") or 1)
