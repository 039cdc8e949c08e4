"""A client that keeps a key per wish, asks again until it is answered, and writes every call and answer down."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from faults.history import History
from faults.machine import Machine

CALL_SECONDS_MAX = 10.0
ASK_SECONDS_MAX = 90.0
AGAIN_SECONDS = 0.2
OK, UNAVAILABLE = 200, 503
ENDED = frozenset({"success", "failed", "cancelled"})


class Client:
    """Calls of one gateway; may be used from several threads."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.history: History = machine.history
        self._local = threading.local()

    @property
    def http(self) -> httpx.Client:
        if not hasattr(self._local, "http"):
            self._local.http = httpx.Client(
                base_url=self.machine.url, timeout=CALL_SECONDS_MAX, trust_env=False
            )
        return self._local.http

    def call(self, path: str, body: Any = None, *, key: str, method: str = "POST") -> httpx.Response | None:
        """Make one call; None when there was no answer."""
        asked = time.time()
        try:
            answer = self.http.request(method, path, json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:
            self.history.write("call", path=path, key=key, asked=asked, status=None, error=repr(error))
            return None
        self.history.write(
            "call", path=path, key=key, asked=asked, status=answer.status_code, body=answer.text
        )
        return answer

    def insist(self, path: str, body: Any = None, *, key: str | None = None) -> dict[str, Any]:
        """Ask with one key until there is an answer that is not 503; raises AssertionError for a refusal."""
        key = key or uuid.uuid4().hex
        deadline = time.monotonic() + ASK_SECONDS_MAX
        while time.monotonic() < deadline:
            answer = self.call(path, body, key=key)
            if answer is not None and answer.status_code != UNAVAILABLE:
                assert answer.status_code == OK, answer.text
                return answer.json()
            if answer is not None:
                assert answer.headers.get("retry-after"), "a 503 says when to come again"
            time.sleep(AGAIN_SECONDS)
        raise AssertionError(f"no answer to {path} within {ASK_SECONDS_MAX:.0f} s")

    def create(
        self, name: str, extractor: dict[str, Any], loader: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        body = {
            "job_name": name,
            "schedule": "@manual",
            "is_active": True,
            "tasks": [{"extractor_config": extractor, "loader_config": loader}],
        } | more
        return self.insist("/jobs", body)

    def run(self, job: dict[str, Any]) -> str:
        return self.insist(f"/jobs/{job['job_id']}/run")["run_id"]

    def runs(self, job: dict[str, Any], count: int, threads: int = 8) -> list[str]:
        """Request many runs at once."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda _: self.run(job), range(count)))

    def see(self, run_id: str) -> dict[str, Any] | None:
        """Read a run; None while nobody answers."""
        try:
            answer = self.http.get(f"/runs/{run_id}")
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == OK else None

    def trail(self, run_id: str) -> list[str]:
        return [event["type"] for event in self.http.get(f"/runs/{run_id}/events").json()]

    def finished(self, run_id: str, seconds_max: float = 90.0) -> dict[str, Any]:
        """Wait until a run has ended."""

        def ended() -> dict[str, Any] | None:
            run = self.see(run_id)
            return run if run and run["status"] in ENDED else None

        return self.machine.until(ended, f"run {run_id} to end", seconds_max)

    def all_finished(self, run_ids: list[str], seconds_max: float = 90.0) -> set[str]:
        """Wait for many and return the statuses they ended with."""
        deadline = time.monotonic() + seconds_max
        return {self.finished(run_id, max(1.0, deadline - time.monotonic()))["status"] for run_id in run_ids}


def into(db: str, table: str = "rows", **more: Any) -> dict[str, Any]:
    """Write a loader that appends and tags: a doubled load shows as doubled rows."""
    return {
        "type": "duckdb",
        "db_path": db,
        "table_name": table,
        "write_disposition": "append",
        "load_id_column": "load_id",
    } | more
