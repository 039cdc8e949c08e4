"""A task is looked at before a job has it: judged here, read by an executor, and told in problems what went wrong."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from orc_domain.previews import (
    PreviewBusy,
    PreviewColumn,
    PreviewFailed,
    PreviewLate,
    PreviewShown,
    PreviewSource,
    PreviewTarget,
    PreviewWish,
    TaskPreview,
)
from orc_gateway import task_preview

CSV = {"type": "csv", "path": "a.csv"}
TABLE = {"type": "duckdb", "db_path": "a.db", "table_name": "t"}
SHOWN = TaskPreview(
    columns=(PreviewColumn("id", "DECIMAL(9,2)"),), rows=(msgspec.Raw(b'{"id":1.10}'),), is_complete=True,
    source=PreviewSource(rows_seen=1, bytes=9, files=1, seconds=0.5),
    target=PreviewTarget(False, ("make table t with id DECIMAL(9,2)",)), warnings=("note",),
)  # fmt: skip


@pytest.fixture
async def executors(gateway):
    """Answer for the executors of a pool; what they were asked is kept."""
    served = []

    async def serve(answer, pool="default"):
        asked = []

        async def handle(data):
            asked.append(msgspec.json.decode(data, type=PreviewWish))
            return msgspec.json.encode(answer)

        served.append(
            await (await gateway.broker.connect()).serve(f"orc.preview.{pool}", "executors", handle)
        )
        return asked

    yield serve
    for service in served:
        await service.close()


async def test_a_preview(client, executors):
    """The executor's answer comes as it is, digits included; it is asked for what was wished, nothing more."""
    asked = await executors(PreviewShown(SHOWN), "large")
    body = {"extractor_config": CSV, "loader_config": TABLE, "limit": 5, "pool": "large"}
    answer = await client.post("/tasks/preview", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "columns": [{"name": "id", "type": "DECIMAL(9,2)"}],
        "rows": [{"id": 1.1}],
        "is_complete": True,
        "source": {"rows_seen": 1, "bytes": 9, "files": 1, "requests": None, "seconds": 0.5},
        "target": {"exists": False, "would": ["make table t with id DECIMAL(9,2)"]},
        "warnings": ["note"],
    }
    assert '{"id":1.10}' in answer.text
    assert asked == [PreviewWish(extractor_config=CSV, loader_config=TABLE, rows_wanted=5)]
    assert (await client.get("/events")).json() == []


async def test_templates_are_rendered(client, executors):
    """They stand for now, in the given zone, and the window begins at the schedule's last instant."""
    asked = await executors(PreviewShown(SHOWN))
    config = {"type": "csv", "path": "{{ window_start:%Y-%m-%d }}/{{ due_at:%Y }}.csv"}
    body = {"extractor_config": config, "schedule": "0 0 1 1 *", "timezone": "Europe/Berlin"}
    assert (await client.post("/tasks/preview", json=body)).status_code == 200
    year = datetime.now(UTC).year
    assert asked[0].extractor_config["path"] == f"{year}-01-01/{year}.csv"
    assert asked[0].loader_config is None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"extractor_config": {"type": "csv"}}, "extractor_config.path"),
        ({"extractor_config": {"type": "nope"}}, "extractor_config.type"),
        ({"extractor_config": CSV | {"pth": 1}}, "extractor_config.pth"),
        ({"extractor_config": CSV, "loader_config": {"type": "duckdb"}}, "loader_config.db_path"),
        ({"extractor_config": CSV | {"incremental": {"cursor": "a"}}, "loader_config": TABLE}, "extractor_config.incremental"),
        ({"extractor_config": {"type": "csv", "path": "{{ window_start }}"}}, "extractor_config.path"),
        ({"extractor_config": {"type": "api", "url": "http://169.254.169.254/"}}, "extractor_config.url"),
        (
            {"extractor_config": {"type": "api", "url": "https://a.b/{parent.id}", "parent": {"url": "http://169.254.169.254"}}},
            "extractor_config.parent.url",
        ),
        ({"extractor_config": CSV, "limit": 0}, "limit"),
        ({"extractor_config": CSV, "limit": 1001}, "limit"),
        ({"extractor_config": CSV, "pool": "*"}, "pool"),
        ({"extractor_config": CSV, "timezone": "Nowhere"}, "timezone"),
        ({"loader_config": TABLE}, "extractor_config"),
    ],
)  # fmt: skip
async def test_a_config_at_fault(client, executors, said, field):
    """It is refused as a job's would be, naming the field, and nobody is asked."""
    asked = await executors(PreviewShown(SHOWN))
    refused = await client.post("/tasks/preview", json=said)
    assert (refused.status_code, [fault["field"] for fault in refused.json()["errors"]], asked) == (
        400, [field], [],
    )  # fmt: skip


async def test_a_source_that_cannot_be_read(client, executors):
    """It is no fault of the gateway: 422, with the kind and message of a task that fails."""
    await executors(PreviewFailed("source_missing", "a.csv: no such file"))
    failed = await client.post("/tasks/preview", json={"extractor_config": CSV})
    assert (failed.status_code, failed.headers["content-type"]) == (422, "application/problem+json")
    assert failed.json() == {
        "type": "urn:orc:problem:preview-failed", "title": "Unprocessable Entity", "status": 422,
        "detail": "a.csv: no such file", "instance": "/tasks/preview", "code": "preview-failed", "errors": [],
        "kind": "source_missing",
    }  # fmt: skip


async def test_nobody_is_there(client, executors):
    """Without an executor of the pool it is 503 at once, and worth another try."""
    await executors(PreviewShown(SHOWN), "other")
    away = await client.post("/tasks/preview", json={"extractor_config": CSV})
    assert (away.status_code, away.json()["code"], away.headers["retry-after"]) == (503, "no-executor", "1")
    assert "kind" not in away.json()


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [(PreviewBusy(), 503, "busy"), (PreviewLate(12.0), 504, "preview-timeout")],
)
async def test_it_cannot_be_looked_at_now(client, executors, answer, status, code):
    """An executor with too much to look at is 503, a source that takes too long 504."""
    await executors(answer)
    refused = await client.post("/tasks/preview", json={"extractor_config": CSV})
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_an_executor_that_never_answers(gateway, client, monkeypatch):
    """The wait is bounded: 504."""
    monkeypatch.setattr(task_preview, "SECONDS_MAX", 0.05)
    never = asyncio.Event()

    async def handle(_data):
        await never.wait()
        return b""

    service = await (await gateway.broker.connect()).serve("orc.preview.default", "executors", handle)
    refused = await client.post("/tasks/preview", json={"extractor_config": CSV})
    assert (refused.status_code, refused.json()["code"]) == (504, "preview-timeout")
    await service.close()
