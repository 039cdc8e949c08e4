"""`orc preview FILE`: each task's rows, types, and what a load would do, in words or as JSON."""

import pytest
import yaml
from support.scripted import Answer

CSV = {"type": "csv", "path": "a.csv"}
TABLE = {"type": "duckdb", "db_path": "a.db", "table_name": "t"}
TASK = {"extractor_config": CSV, "loader_config": TABLE}
JOBS = [
    {"job_name": "orders", "schedule": "@daily", "timezone": "Europe/Paris", "pool": "large", "tasks": [TASK, TASK]},
    {"job_name": "items", "schedule": "@manual", "tasks": [TASK]},
]  # fmt: skip
SHOWN = {
    "columns": [{"name": "id", "type": "BIGINT"}, {"name": "note", "type": "VARCHAR"}],
    "rows": [{"id": 1, "note": "x\x1b"}, {"id": 2, "note": "y" * 60}], "is_complete": False,
    "source": {"rows_seen": 2, "bytes": 1_234_567, "files": 3, "requests": None, "seconds": 0.5},
    "target": {"exists": True, "would": ["add column note VARCHAR to table t"]}, "warnings": ["mind the gap"],
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "jobs.yaml"
    path.write_text(yaml.safe_dump(JOBS))
    return str(path)


def test_a_file_in_words(orc, gateway, file):
    """Columns with their types, rows without control characters, what was read, and what would change."""
    gateway.on("POST", "/tasks/preview", SHOWN)
    called = orc("preview", file, "--job", "items", "--rows", "2")
    assert (called.code, called.out.splitlines()) == (
        0,
        [
            "items, task 1",
            "id      note",
            "BIGINT  VARCHAR",
            "1       x\N{REPLACEMENT CHARACTER}",
            f"2       {'y' * 39}…",
            "2 rows, the first rows (3 files, 1.2 MB, 0.50 s)",
            "would add column note VARCHAR to table t",
            "note: mind the gap",
        ],
    )
    assert gateway.asked[-1].body == {**TASK, "schedule": "@manual", "limit": 2}


def test_tasks_are_chosen(orc, gateway, file):
    """Without a choice every task is shown, each asked of its own pool with its own times."""
    gateway.on("POST", "/tasks/preview", SHOWN)
    lines = orc("preview", file, "--json").json_lines
    assert [(line["job_name"], line["task_order"]) for line in lines] == [
        ("orders", 1),
        ("orders", 2),
        ("items", 1),
    ]
    about = {"schedule": "@daily", "timezone": "Europe/Paris", "pool": "large", "limit": 20}
    assert gateway.asked[0].body == {**TASK, **about}
    chosen = orc("preview", file, "--task", "2", "--json").json_lines
    assert [(line["job_name"], line["task_order"]) for line in chosen] == [("orders", 2)]


def test_one_that_cannot_be_read(orc, gateway, file):
    """It is told beside the output, the others are shown, and the command exits 1."""
    failed = {"detail": "a.csv: no such file", "code": "preview-failed"}
    gateway.on(
        "POST",
        "/tasks/preview",
        Answer(failed, status=422),
        SHOWN | {"target": {"exists": True, "would": []}},
    )
    called = orc("preview", file, "--job", "orders")
    assert (called.code, called.err) == (1, "orc: orders, task 1: a.csv: no such file [422]\n")
    assert "orders, task 2" in called.out
    assert "the table stays as it is but for its rows" in called.out


def test_nothing_to_show(orc, gateway, file):
    """A job or task that is not in the file is not asked for."""
    called = orc("preview", file, "--job", "nope")
    assert (called.code, called.err.endswith("holds no such task\n"), gateway.asked) == (1, True, [])
