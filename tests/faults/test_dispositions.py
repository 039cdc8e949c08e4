"""P19 for every way to load: executors are killed around the commit, and each table is what a model says."""

import duckdb
import pytest
from faults.client import Client
from faults.machine import Machine
from faults.verdict import require_sound

POINTS = ("before-begin", "mid-load", "before-commit", "after-commit", "after-event")
KILLS_PER_POINT = 8
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
    "child-tables": ({}, {"write_disposition": "append", "nested": "child_tables"}, ROWS * RUNS),
}  # fmt: skip


@pytest.fixture
def jobs(client: Client, csv: str) -> dict[str, dict]:
    """Make a job for each way, into a file of its own."""
    return {
        name: client.create(
            name,
            {"type": "csv", "path": csv, **extractor},
            {"type": "duckdb", "db_path": f"{name}.duckdb", "table_name": "rows", **loader},
        )
        for name, (extractor, loader, _) in WAYS.items()
    }


def test_executors_killed_at_every_point_of_every_way(machine: Machine, client: Client, jobs: dict):
    """8 kills at each point, runs of all jobs under way: every run succeeds, and every table holds its rows once."""
    for name in POINTS:
        for _ in range(KILLS_PER_POINT):
            machine.points.arm(name)
    accepted = [run for job in jobs.values() for run in client.runs(job, RUNS)]

    def all_taken() -> bool:
        for hit in machine.points.hits():
            victim = [name for name in machine.executors if machine.processes[name].pid == hit.executor]
            if victim:
                machine.kill(*victim)
        return len(machine.points.fallen()) == len(POINTS) * KILLS_PER_POINT

    machine.until(all_taken, "somebody to be killed at every point", 200)
    for name in machine.points.fallen():
        machine.history.fault(f"killed {name}")
    assert client.all_finished(accepted, 200) == {"success"}
    machine.history.require(**{f"killed_{name}": KILLS_PER_POINT for name in POINTS})
    require_sound(machine)
    for name, (_, _, rows) in WAYS.items():
        with duckdb.connect(str(machine.data / f"{name}.duckdb"), read_only=True) as file:
            held = file.execute(
                "SELECT count(*), count(DISTINCT id), count(DISTINCT text) FROM rows"
            ).fetchone()
            assert held == (rows, ROWS, ROWS), name
            loads = file.execute('SELECT count(*), sum("rows") FROM _orc.receipts').fetchone()
            assert loads[0] == RUNS, name
            states = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'states'"
            if file.execute(states).fetchone() == (1,):
                # Every load saved its state once, and they add up to the rows that are there.
                assert file.execute("SELECT version FROM _orc.states").fetchall() == [(RUNS,)], name
                assert loads[1] == rows, name
            if name == "scd2":
                assert file.execute("SELECT count(*) FROM rows WHERE valid_to IS NOT NULL").fetchone() == (0,)
