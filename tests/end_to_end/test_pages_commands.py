"""The commands of docs/incremental.md and docs/preview.md, as they stand there, on the whole stack."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.rest import rows, task, until

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Return a page's code blocks of a language."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def orc(stack, tmp_path):
    """Run a line of a page, in a folder of its own, and return what it prints."""

    def run(line: str) -> str:
        first, *arguments = shlex.split(line, comments=True)
        assert first == "orc"
        done = subprocess.run(
            [sys.executable, "-m", "orc", *arguments],
            env={**os.environ, "ORC_HOME": str(stack.home)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    return run


def test_a_cursor_is_shown_set_and_reset(orc, rest, data):
    """The page's task goes on from its cursor; what is set or reset is where the next run begins."""
    config = json.loads(blocks("incremental.md", "json")[0])
    (data / "orders.csv").write_text("id,updated_at\n1,2026-05-13T09:00:00Z\n2,2025-12-31T09:00:00Z\n")
    job = rest.create_job("orders", task(config["extractor_config"], config["loader_config"]))
    assert rest.finished(rest.run(job))["status"] == "success"
    # What is before `initial` is not loaded.
    assert rows(data / "sales.duckdb", "SELECT id FROM orders") == [(1,)]
    show, set_, reset = blocks("incremental.md", "sh")[0].splitlines()
    orc(set_)
    heading, line = orc(show).splitlines()
    told, _ = blocks("incremental.md", "text")[0].splitlines()
    assert heading.split() == told.split()
    assert shlex.split(set_)[4] in line
    orc(reset)
    path = f"/jobs/{job['job_id']}/tasks/1/cursor"
    assert rest.get(path)["set"]["value"] is None
    assert rest.finished(rest.run(job))["status"] == "success"
    assert rest.get(path)["set"] is None


def test_a_file_of_jobs_is_previewed(orc, rest, data, tmp_path):
    """As the page writes it down: which task, columns, types, rows, and what would become of the table."""
    (data / "previewed.csv").write_text(
        "id,name,placed_at\n1,x,2026-05-01 09:00:00\n2,,2026-05-01 09:05:00\n"
    )
    csv = {"type": "csv", "path": "previewed.csv"}
    tasks = [
        task(csv, {"type": "duckdb", "db_path": "previewed.duckdb", "table_name": "orders"}),
        task({"type": "inline", "rows": [{"a": number} for number in range(9)]}),
    ]
    job = {"job_name": "orders", "schedule": "@manual", "tasks": tasks}
    (tmp_path / "jobs.yaml").write_text(json.dumps([job]))
    every, one, as_json = blocks("preview.md", "sh")[0].splitlines()
    # An executor takes previews a moment after the gateway is ready.
    until(lambda: rest.http.post("/tasks/preview", json=tasks[1]).status_code == 200 or None, "a preview")
    told = blocks("preview.md", "text")[0].splitlines()
    assert [line.split() for line in orc(every).splitlines()[:5]] == [line.split() for line in told[:5]]
    assert [line for line in orc(one).splitlines() if line.isdecimal()] == ["0", "1", "2", "3", "4"]
    assert [json.loads(line)["is_complete"] for line in orc(as_json).splitlines()] == [True, True]
    assert not (data / "previewed.duckdb").exists()
