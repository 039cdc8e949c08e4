"""The example of docs/backfills.md, as it stands there: ten days, one of them broken, mended, run again."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from support.rest import rows

PAGE = (Path(__file__).parents[2] / "docs" / "backfills.md").read_text(encoding="utf-8")
BROKEN = "2025-05-07"


def blocks(language: str) -> list[str]:
    """Return the page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_pages_example(stack, rest, data, tmp_path):
    """Each command of the page does what the page says, and in the end each day's rows are in the table once."""

    def orc(command: str) -> subprocess.CompletedProcess[str]:
        first, *arguments = shlex.split(command)
        assert first == "orc"
        environment = {**os.environ, "ORC_HOME": str(stack.home)}
        return subprocess.run(
            [sys.executable, "-m", "orc", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    (job,), (dates,) = blocks("yaml"), blocks("text")
    dry_run, run, again = blocks("sh")
    (tmp_path / "jobs.yaml").write_text(job)
    assert orc(f"orc jobs apply -f {tmp_path}/jobs.yaml").returncode == 0
    folder = data / "sales"
    folder.mkdir(parents=True)
    for line in dates.splitlines()[:-1]:
        day = line[:10]
        (folder / f"{day}.csv").write_text(f"day,amount\n{day},1\n{day},2\n")
    mended = (folder / f"{BROKEN}.csv").read_text()
    (folder / f"{BROKEN}.csv").write_text("day,amount\n1,2,3,4\n")

    listed = orc(dry_run)
    assert (listed.returncode, listed.stdout) == (0, dates)
    ended = orc(run)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (1, "finished: 9 success, 1 failed"), ended
    (folder / f"{BROKEN}.csv").write_text(mended)
    ended = orc(again)
    assert ended.returncode == 0, ended
    assert ended.stdout.splitlines()[0].endswith(" of sales: 1 to run, 9 left out")
    found = rows(
        data / "sales.duckdb",
        "SELECT day::VARCHAR, count(*), sum(amount)::INT FROM sales GROUP BY 1 ORDER BY 1",
    )
    assert found == [(line[:10], 2, 3) for line in dates.splitlines()[:-1]]

    (sales,) = (one for one in rest.get("/jobs") if one["job_name"] == "sales")
    runs = rest.get("/runs", job_id=sales["job_id"])
    assert {run["triggered_by"] for run in runs if run["backfill_id"]} == {"backfill"}
    (failed,) = (run for run in runs if run["status"] == "failed")
    assert (failed["due_at"], f"{BROKEN}.csv" in failed["error_message"]) == (f"{BROKEN}T06:00:00Z", True)
    (task,) = rest.get(f"/runs/{failed['run_id']}/tasks")
    assert task["extractor_config"]["path"] == f"sales/{BROKEN}.csv"
