"""Jobs of plugins are created and refused like others."""

import pytest
from support.plugins import EXAMPLES, RSS, SQLITE, announce, on_path

from orc_runtime.plugin_news import tell_plugins

RSS_CONFIG = {"type": "rss", "url": "https://example.com/feed.xml"}
JOB = {
    "job_name": "news", "schedule": "@manual", "is_active": True,
    "tasks": [
        {"extractor_config": RSS_CONFIG, "loader_config": {"type": "sqlite", "path": "a.sqlite", "table": "t"}}
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def plugins(tmp_path, monkeypatch):
    announce(tmp_path, {**SQLITE, "orc.extractors": {**RSS["orc.extractors"], "gone": "nowhere:X"}})
    with on_path(monkeypatch, tmp_path, EXAMPLES):
        yield


async def test_a_job_of_plugins_is_created(client):
    """The gateway and the scheduler judge it by what is installed, and show it as it was given."""
    answer = await client.post("/jobs", json=JOB)
    assert answer.status_code == 200, answer.text
    assert answer.json()["tasks"][0]["extractor_config"] == RSS_CONFIG


@pytest.mark.parametrize(
    ("config", "field", "valid"),
    [
        (
            {**RSS_CONFIG, "uri": "x"},
            "uri",
            "the keys type, url, token, columns, select, rename, incremental",
        ),
        ({**RSS_CONFIG, "url": "ftp://x"}, "url", "https://host/feed.xml"),
        ({"type": "gone"}, "type", None),
    ],
)
async def test_a_config_that_is_wrong_is_refused(client, config, field, valid):
    """400 names the field and what would be valid; a plugin that cannot be loaded is no fault of the gateway."""
    task = {**JOB["tasks"][0], "extractor_config": config}
    answer = await client.post("/jobs", json={**JOB, "tasks": [task]})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (400, f"tasks[0].extractor_config.{field}")
    assert error.get("valid") == valid


def test_plugins_are_told_at_start(capsys):
    """Each that is found, and why another cannot be used."""
    tell_plugins()
    said = capsys.readouterr().out
    assert "type=rss" in said
    assert (
        "the plugin gone of demo 1.0 cannot be used: ModuleNotFoundError: No module named 'nowhere'" in said
    )
