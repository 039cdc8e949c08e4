"""Give the oracle what it looks at, and wait for what may still be on its way."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
from faults.machine import Machine
from faults.oracle import examine, shown
from faults.processes import plain

OUTPUT = Path(os.environ.get("ORC_FAULTS_OUTPUT", "build/faults"))
BEHIND = "SELECT (SELECT position FROM log.head) - coalesce((SELECT min(position) FROM read.checkpoints), 0)"


def judge(machine: Machine, *, may_be_open: bool = False) -> list[str]:
    """Wait for the projection to catch up with the log, then return what the oracle objects to."""
    machine.until(lambda: ask(machine, BEHIND) == 0, "the projector to catch up")
    found = asyncio.run(
        examine(
            database_url=machine.superuser_url,
            history=machine.history.path,
            data=machine.data,
            searched=(
                machine.history.path,
                machine.data,
                machine.logs,
                machine.folder / "nats",
                machine.folder / "postgres",
            ),
            canary=machine.canary,
            may_be_open=may_be_open,
        )
    )
    replayed = subprocess.run(
        [sys.executable, "-m", "orc_gateway.replay", "--json"],
        env={**plain(), "ORC_DATABASE_URL": machine.role_url("orc_auditor")},
        capture_output=True,
        text=True,
        check=False,
    )
    if replayed.returncode != 0:
        found.append(f"(v) replay differs: {replayed.stdout[-500:]}{replayed.stderr[-500:]}")
    machine.history.write("verdict", found=found, happened=dict(machine.history.happened))
    return found


def require_sound(machine: Machine) -> None:
    """Fail with what the oracle objects to, if it does."""
    found = judge(machine)
    assert not found, shown(found)


def fetch_all(machine: Machine, sql: str, *arguments: object) -> list[asyncpg.Record]:
    """Ask Postgres, past all proxies and services."""

    async def fetch() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(machine.superuser_url)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def ask(machine: Machine, sql: str) -> Any:
    """Ask Postgres for one value; None while it does not answer."""
    try:
        return fetch_all(machine, sql)[0][0]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None


def figures(machine: Machine) -> dict[str, object]:
    """Say what was done to a machine and what came of it; needs its database."""
    counts = fetch_all(machine, "SELECT status, count(*)::int FROM read.runs GROUP BY 1")
    losses = fetch_all(
        machine,
        "SELECT count(*)::int FROM log.events WHERE type = 'run.attempt_failed' AND data->>'kind' = 'lost'",
    )
    lines = map(json.loads, machine.history.path.read_text().splitlines())
    return {
        "seed": machine.history.seed,
        "faults": dict(sorted(machine.history.total.items())),
        "runs": {row["status"]: row["count"] for row in counts},
        "attempts lost and taken up again": losses[0][0],
        "seconds": {
            line["name"]: line["seconds"] and round(line["seconds"], 1)
            for line in lines
            if line["what"] == "figure"
        },
    }


def keep(machine: Machine, name: str) -> None:
    """Leave a machine's figures and its history where a person finds them."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / f"{name}.json").write_text(json.dumps(figures(machine)))
    (OUTPUT / f"{name}.jsonl").write_bytes(machine.history.path.read_bytes())
