"""The oracle's own reading of the log: the chain after docs/events.md, and what the events of a run add up to."""

import hashlib
import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDS = {"run.succeeded": "success", "run.failed": "failed", "run.cancelled": "cancelled"}


def chain_faults(events: list[Any]) -> list[str]:
    """Check positions, versions, times and hashes."""
    found = []
    before = bytes(32)
    versions: dict[str, int] = {}
    for nth, event in enumerate(events, 1):
        if event["position"] != nth:
            return [*found, f"(iv) position {event['position']} where {nth} belongs"]
        versions[event["stream"]] = versions.get(event["stream"], 0) + 1
        if event["version"] != versions[event["stream"]]:
            found.append(
                f"(iv) {event['stream']} has version {event['version']} as its {versions[event['stream']]}th"
            )
        before = hashlib.sha256(before + _canonical(event)).digest()
        if event["hash"] != before:
            return [*found, f"(iv) the hash of position {nth} does not follow"]
    found += [
        f"(iv) position {after['position']} is older than the one before"
        for earlier, after in pairwise(events)
        if after["recorded_at"] < earlier["recorded_at"]
    ]
    return found


def _canonical(event: Any) -> bytes:
    numbers = [event[name] for name in ("position", "version", "schema_version")]
    numbers += [_microseconds(event[name]) for name in ("occurred_at", "recorded_at")]
    fields = [number.to_bytes(8, "big", signed=True) for number in numbers]
    fields += [event[name].bytes for name in ("command_id", "correlation_id")]
    fields += [event[name].encode() for name in ("stream", "type", "actor", "data")]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def _microseconds(at: datetime) -> int:
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def fold(events: list[Any]) -> dict[str, Any]:
    """Say of each run what its events add up to."""
    runs: dict[str, Any] = {}
    for event in events:
        if not event["stream"].startswith("run-"):
            continue
        run_id, data = event["stream"].removeprefix("run-"), json.loads(event["data"])
        kind = event["type"]
        if kind == "run.requested":
            runs[run_id] = {
                "job_id": data["job_id"], "status": "queued", "triggered_by": data["triggered_by"], "attempt": 0,
                "cancel_requested": False, "root": data["root_id"], "tasks": data["tasks"], "succeeded": set(),
                "rows": 0, "losses": 0,
            }  # fmt: skip
            continue
        run = runs[run_id]
        if kind == "run.started":
            run["status"], run["attempt"] = "running", data["attempt"]
        elif kind == "run.attempt_failed":
            run["status"] = "queued"
            run["losses"] += data["kind"] == "lost"
        elif kind == "task.succeeded":
            run["succeeded"].add(data["task_id"])
            run["rows"] += data["result"]["rows"]
        elif kind == "run.cancel_requested":
            run["cancel_requested"] = True
        elif kind in ENDS:
            run["status"] = ENDS[kind]
    return runs
