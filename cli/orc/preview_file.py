"""The tasks of a job file, looked at before a job has them: first rows, types, and what a load would do."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orc.client import Gateway
from orc.errors import BadFile, Refused
from orc.jobs_file import read_jobs
from orc.options import Options
from orc.output import plain, show_json, show_table
from orc.sizes import bytes_in_words

ROWS = 20
TIMEOUT_SECONDS = 20.0
"""An executor looks for some seconds less."""
CELL_CHARACTERS_MAX = 40
FAILED = 1


def preview_file(path: Path, job: str | None, task: int | None, rows: int, options: Options) -> int:
    """Show each task that is chosen; returns 1 when one could not be looked at."""
    chosen = list(_tasks(path, job, task))
    failures = 0
    with Gateway(options) as gateway:
        for name, order, body in chosen:
            if not options.json:
                print(plain(f"{name}, task {order}"))
            try:
                shown = gateway.post(
                    "/tasks/preview", body | {"limit": rows}, timeout_seconds=TIMEOUT_SECONDS
                )
            except Refused as error:
                failures += 1
                print(plain(f"orc: {name}, task {order}: {error}"), file=sys.stderr)
                continue
            if options.json:
                show_json({"job_name": name, "task_order": order, **shown})
            else:
                _show(shown)
    return FAILED if failures else 0


def _tasks(path: Path, job: str | None, task: int | None) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield name, order and what to ask for of each task that is chosen; raises BadFile when there is none."""
    is_found = False
    for definition in read_jobs(path):
        if job not in {None, definition["job_name"]}:
            continue
        about = {
            name: definition[name]
            for name in ("pool", "schedule", "schedules", "timezone")
            if definition.get(name) is not None
        }
        for order, body in enumerate(definition.get("tasks") or (), start=1):
            if task in {None, order}:
                is_found = True
                yield definition["job_name"], order, {**body, **about}
    if not is_found:
        raise BadFile(path, "holds no such task")


def _show(shown: dict[str, Any]) -> None:
    names = [column["name"] for column in shown["columns"]]
    types = {column["name"]: column["type"] for column in shown["columns"]}
    if names:
        show_table([types, *map(_short, shown["rows"])], names)
    source, target = shown["source"], shown["target"]
    whole = "all rows" if shown["is_complete"] else "the first rows"
    parts = [f"{source[unit]} {unit}" for unit in ("files", "requests") if source[unit]]
    read = ", ".join([*parts, bytes_in_words(source["bytes"]), f"{source['seconds']:.2f} s"])
    print(f"{len(shown['rows'])} rows, {whole} ({read})")
    for change in target["would"]:
        print(f"would {plain(change)}")
    if target["exists"] and not target["would"]:
        print("the table stays as it is but for its rows")
    for warning in shown["warnings"]:
        print(f"note: {plain(warning)}")


def _short(row: dict[str, Any]) -> dict[str, Any]:
    cells = {name: plain(value) for name, value in row.items()}
    return {
        name: cell if len(cell) <= CELL_CHARACTERS_MAX else cell[: CELL_CHARACTERS_MAX - 1] + "…"
        for name, cell in cells.items()
    }
