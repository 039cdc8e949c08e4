"""P19 for every way to load: executors are killed around the commit, and each table is what a model says."""

import json
from uuid import UUID, uuid5

import duckdb
import pytest
from faults.client import Client
from faults.kills import kill_at
from faults.machine import Machine
from faults.verdict import fetch_all, require_sound

POINTS = ("before-begin", "mid-load", "before-commit", "after-commit", "after-event")
KILLS_PER_POINT = 9
RUNS = 4
ROWS = 20_000
KEY = {"primary_key": ["id"]}
WAYS: dict[str, tuple[dict, dict, int]] = {
    # What the extractor and the loader say, and how many rows are there after all runs.
    "replace": ({}, {}, ROWS),
    "append": ({}, {"write_disposition": "append"}, ROWS * RUNS),
    "merge": ({}, {"write_disposition": "merge", **KEY}, ROWS),
    "delete-insert": ({}, {"write_disposition": "merge", **KEY, "merge": {"strategy": "delete-insert"}}, ROWS),
    "insert-only": ({}, {"write_disposition": "insert-only", **KEY}, ROWS),
    "scd2": ({}, {"write_disposition": "scd2", **KEY}, ROWS),
    "incremental": ({"incremental": {"cursor": "id"}}, {"write_disposition": "append"}, ROWS),
    "new-files": ({"files": "new"}, {"write_disposition": "append"}, ROWS),
    "parquet-replace": ({}, {}, ROWS),
    "parquet-append": ({}, {"write_disposition": "append"}, ROWS * RUNS),
    "parquet-incremental": ({"incremental": {"cursor": "id"}}, {"write_disposition": "append"}, ROWS),
    "postgres-replace": ({}, {}, ROWS),
    "postgres-append": ({}, {"write_disposition": "append"}, ROWS * RUNS),
    "postgres-merge": ({}, {"write_disposition": "merge", **KEY}, ROWS),
    "postgres-insert-only": ({}, {"write_disposition": "insert-only", **KEY}, ROWS),
    "postgres-incremental": ({"incremental": {"cursor": "id"}}, {"write_disposition": "append"}, ROWS),
    "child-tables": ({}, {"write_disposition": "append", "nested": "child_tables"}, ROWS * RUNS),
}  # fmt: skip


WAREHOUSE = {"type": "postgres", "connection": {"secret": "warehouse"}, "schema_name": "public"}


@pytest.fixture
def jobs(machine: Machine, client: Client, csv: str) -> dict[str, dict]:
    """Make a job for each way, into a file, a folder or a table of its own."""
    (machine.secrets / "warehouse").write_text(machine.superuser_url)

    def target(name: str, loader: dict) -> dict:
        if name.startswith("parquet"):
            return {"type": "parquet", "path": name, **loader}
        if name.startswith("postgres"):
            return {**WAREHOUSE, "table_name": name.replace("-", "_"), **loader}
        return {"type": "duckdb", "db_path": f"{name}.duckdb", "table_name": "rows", **loader}

    return {
        name: client.create(name, {"type": "csv", "path": csv, **extractor}, target(name, loader))
        for name, (extractor, loader, _) in WAYS.items()
    }


def held_in(machine: Machine, name: str, job: dict) -> tuple[int, int, int, int, list[int]]:
    """Return rows, distinct ids and texts, receipts, and the versions of the states, of a target."""
    counts = "count(*), count(DISTINCT id), count(DISTINCT text)"
    if name.startswith("postgres"):
        task = uuid5(UUID(job["job_id"]), "task/1")
        (rows,) = fetch_all(machine, f"SELECT {counts} FROM public.{name.replace('-', '_')}")
        (receipts,) = fetch_all(machine, "SELECT count(*) FROM _orc.receipts WHERE task_id = $1", task)
        states = fetch_all(machine, "SELECT version FROM _orc.states WHERE task_id = $1", task)
        return (*rows, *receipts, [row[0] for row in states])
    if name.startswith("parquet"):
        with duckdb.connect() as engine:
            rows = engine.execute(f"SELECT {counts} FROM '{machine.data / name}/**/*.parquet'").fetchone()
        manifest = json.loads((machine.data / name / "_orc" / "manifest.json").read_text())
        return (*rows, len(manifest["receipts"]), [state["version"] for state in manifest["states"].values()])
    with duckdb.connect(str(machine.data / f"{name}.duckdb"), read_only=True) as file:
        rows = file.execute(f"SELECT {counts} FROM rows").fetchone()
        (receipts,) = file.execute("SELECT count(*) FROM _orc.receipts").fetchone()
        has_states = file.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'states'").fetchone()
        states = file.execute("SELECT version FROM _orc.states").fetchall() if has_states else []
        return (*rows, receipts, [row[0] for row in states])


def test_executors_killed_at_every_point_of_every_way(machine: Machine, client: Client, jobs: dict):
    """9 kills at each point, runs of all jobs under way: every run succeeds, and every table holds its rows once."""
    accepted = kill_at(
        machine,
        POINTS,
        KILLS_PER_POINT,
        lambda: [run for job in jobs.values() for run in client.runs(job, RUNS)],
        200,
    )
    assert client.all_finished(accepted, 200) == {"success"}
    machine.history.require(**{f"killed_{name}": KILLS_PER_POINT for name in POINTS})
    require_sound(machine)
    for name, (extractor, _, rows) in WAYS.items():
        # Every load saved its state once; without one the task begins anew each time.
        states = [RUNS] if extractor else []
        assert held_in(machine, name, jobs[name]) == (rows, ROWS, ROWS, RUNS, states), name
    with duckdb.connect(str(machine.data / "scd2.duckdb"), read_only=True) as file:
        assert file.execute("SELECT count(*) FROM rows WHERE valid_to IS NOT NULL").fetchone() == (0,)
