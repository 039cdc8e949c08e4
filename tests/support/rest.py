"""A client of the REST API for tests: small, and patient where a service is being killed on purpose."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
WAIT_SECONDS_MAX = 120.0
LOOK_SECONDS = 0.05


class Rest:
    """Calls of one gateway."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=15.0, trust_env=False)

    def create_job(
        self, name: str, *tasks: dict[str, Any], schedule: str = "@manual", **more: Any
    ) -> dict[str, Any]:
        """Create a job of (extractor, loader) tasks and return it."""
        body = {
            "job_name": name,
            "description": None,
            "schedule": schedule,
            "is_active": True,
            "tasks": list(tasks),
        }
        answer = self.http.post("/jobs", json=body | more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run a job by hand and return the queued run."""
        answer = self.http.post(f"/jobs/{job['job_id']}/run")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def finished(self, run: dict[str, Any]) -> dict[str, Any]:
        """Wait until a run has ended and return it."""
        return until(lambda: self.ended(run), f"run {run['run_id']} to end")

    def ended(self, run: dict[str, Any]) -> dict[str, Any] | None:
        """Return the run when it has ended, None while it has not."""
        found = self.get(f"/runs/{run['run_id']}")
        return found if found["status"] in {"success", "failed", "cancelled"} else None

    def trail(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a run's events."""
        return self.get(f"/runs/{run['run_id']}/events")

    def get(self, path: str, **params: Any) -> Any:
        """Read, through whatever is being restarted."""
        return until(lambda: self._read(path, params), path)

    def _read(self, path: str, params: dict[str, Any]) -> Any:
        try:
            answer = self.http.get(path, params=params)
        except httpx.TransportError:
            return None
        if answer.status_code == 503:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()


def until(look: Callable[[], T | None], what: str, seconds_max: float = WAIT_SECONDS_MAX) -> T:
    """Look again and again until something is there; fails naming what never came."""
    deadline = time.monotonic() + seconds_max
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"waited {seconds_max:.0f} s for {what}"
        time.sleep(LOOK_SECONDS)
    return found


def task(extractor: dict[str, Any], loader: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write one task of a job; without a loader its rows are counted and dropped."""
    return {"extractor_config": extractor, "loader_config": loader or {"type": "discard"}}


def into(db_path: str, table: str, **more: Any) -> dict[str, Any]:
    """Write a duckdb loader."""
    return {"type": "duckdb", "db_path": db_path, "table_name": table, **more}


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read a DuckDB file that nobody writes at the moment."""
    import duckdb  # noqa: PLC0415 - heavy, and only some tests look into files

    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()
