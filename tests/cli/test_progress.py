"""How far a run is, for a person: a bar at a terminal, lines elsewhere; and what a task told once it is done."""

import io

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from support.scripted import sse

from orc import follow
from orc.sizes import bytes_in_words

RUN = "00000000-0000-0000-0000-00000000000b"
FETCHING = {
    "task": 1, "rows": 50_000, "bytes": 1_200_000, "percent": 14.8, "phase": "gather", "rows_per_second": 1200.4,
    "bytes_per_second": 90_000.0,
}  # fmt: skip
LOADING = {
    "task": 1, "rows": 0, "bytes": 3_400_000_000, "percent": 40.2, "phase": "load", "rows_per_second": None,
    "bytes_per_second": 2_500_000.0,
}  # fmt: skip
TASK = {
    "task_id": RUN, "run_id": RUN, "task_order": 1, "status": "success", "attempt": 1, "rows": 5, "bytes": 9,
    "seconds": 0.5, "receipt": "", "cursor": {"column": "id", "value": "7"},
    "schema_changes": ["t: added column note VARCHAR"],
    "tables": [{"table": "t", "rows": 5, "inserted": 3, "updated": 2}], "bad_rows": 4,
    "warnings": ["id is\x1b null"], "columns": None, "error_kind": None, "error_message": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (FETCHING, "50,000 rows, 15 %, 1.2 MB, 1,200 rows/s, fetching"),
        (LOADING, "40 %, 3.4 GB, 2.5 MB/s"),
        ({"task": 1, "rows": 0, "bytes": 0, "percent": None, "phase": "gather"}, ""),
    ],
)
def test_progress_in_words(data, words):
    """What is known is told, the pace in rows where rows are counted, and nothing that is not."""
    assert ", ".join(follow.known(data)) == words


def test_lines(orc, gateway, monkeypatch):
    """Without a terminal there is a line for progress now and then."""
    monkeypatch.setattr(follow, "PROGRESS_SECONDS", 0.0)
    gateway.on("POST", f"/jobs/{RUN}/run", {"run_id": RUN, "status": "queued"})
    ends = ("4", "run.succeeded", {"data": {}})
    gateway.on(
        "GET", f"/runs/{RUN}/events", sse((None, "progress", FETCHING), (None, "progress", LOADING), ends)
    )
    gateway.on("GET", f"/runs/{RUN}", {"run_id": RUN, "status": "success", "error_message": None})
    assert orc("run", RUN, "--follow").out.splitlines()[1:3] == [
        "  progress            task 1: 50,000 rows, 15 %, 1.2 MB, 1,200 rows/s, fetching",
        "  progress            task 1: 40 %, 3.4 GB, 2.5 MB/s",
    ]


def test_a_bar():
    """At a terminal each task has a bar that moves with its share, and ends full."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with Progress(BarColumn(), TextColumn("{task.fields[known]}"), console=console) as progress:
        screen = follow.BarScreen(progress)
        screen.progress(LOADING)
        (bar,) = progress.tasks
        assert (bar.completed, bar.total, bar.fields["known"]) == (40.2, 100.0, "40 %, 3.4 GB, 2.5 MB/s")
        screen.event("task.succeeded", {"task_order": 1, "result": {"rows": 5, "bytes": 9, "seconds": 1}})
        assert (bar.completed, bar.fields["known"]) == (100.0, "5 rows, 100 %, 9 B")


def test_bytes_in_words():
    """Three digits or so, with their unit."""
    assert [bytes_in_words(size) for size in (0, 999, 1000, 1_234_567, 5e15)] == [
        "0 B", "999 B", "1.0 kB", "1.2 MB", "5000.0 TB",
    ]  # fmt: skip


def test_what_a_task_told(orc, gateway):
    """Bad rows and warnings are told with the run, so that nobody takes it for clean."""
    event = {
        "position": 3, "type": "task.succeeded", "recorded_at": "now",
        "data": {"task_order": 1, "result": {"rows": 5, "seconds": 0.5, "bad_rows": 1, "warnings": ["w"]}},
    }  # fmt: skip
    gateway.on("GET", f"/runs/{RUN}", {"run_id": RUN, "status": "success"})
    gateway.on("GET", f"/runs/{RUN}/events", [event])
    gateway.on("GET", f"/runs/{RUN}/tasks", [TASK])
    assert orc("runs", "show", RUN).out.splitlines() == [
        f"run_id  {RUN}",
        "status  success",
        "task  status   rows  bytes  bad_rows  seconds  error_message",
        "1     success  5     9      4         0.50     -",
        "task 1  t: 5 rows, 3 inserted, 2 updated",
        "task 1  id up to 7",
        "task 1  4 bad rows",
        "task 1  t: added column note VARCHAR",
        "task 1  warning: id is\N{REPLACEMENT CHARACTER} null",
        "      3  now  task.succeeded      task 1: 5 rows in 0.50 s; 1 bad row; warning: w",
    ]
    assert orc("runs", "show", RUN, "--json").json["tasks"] == [TASK]
