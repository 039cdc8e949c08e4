"""The loader `discard`: what it tells of what it does not keep."""

import json

import pytest
from support.apis import api
from support.worker_process import DISCARD

from orc_executor.frames import Loaded
from orc_executor.loaders.discard import COLUMNS_BYTES_MAX


@pytest.fixture
def told(worker):
    """Return the result of a task that keeps nothing."""

    def told(config):
        answer = worker.perform(config, DISCARD)
        assert isinstance(answer, Loaded), answer
        return answer.result

    return told


def test_names_and_types_are_told(worker, told):
    """As a table would get them: chosen, renamed, and what a late row makes of them."""
    lines = "".join(f"{number},x,2026-05-01\n" for number in range(30_000))
    (worker.data_dir / "a.csv").write_text(f"id,name,day\n{lines}0.5,y,2026-05-02\n")
    config = {"type": "csv", "path": "a.csv", "select": ["day", "id"], "rename": {"day": "on"}}
    result = told(config)
    assert (result.rows, result.columns, result.warnings) == (30_001, {"on": "DATE", "id": "DOUBLE"}, ())


def test_a_source_without_rows_or_columns_has_none(worker, told):
    """Nothing is known of them."""
    (worker.data_dir / "none.jsonl").write_text("")
    result = told({"type": "jsonl", "path": "none.jsonl"})
    assert (result.rows, result.columns) == (0, {})


def test_no_more_columns_are_told_than_an_event_may_hold(worker, told):
    """The rest is counted."""
    names = [f"{number:05}{'x' * 95}" for number in range(1000)]
    (worker.data_dir / "wide.csv").write_text(f"{','.join(names)}\n{','.join('1' * 1000)}\n")
    result = told({"type": "csv", "path": "wide.csv"})
    fit = COLUMNS_BYTES_MAX // len(f"{names[0]}BIGINT")
    assert list(result.columns) == names[:fit]
    assert result.warnings == (f"{1000 - fit} columns more than are told here",)


def test_a_secret_that_a_server_sends_back_is_told_in_no_name(told, serve):
    """Neither of a column, nor of a field inside it."""
    server = serve(lambda asked: [{asked.headers["x-api-key"]: 1, "in": {asked.headers["x-api-key"]: 1}}])
    config = api(server, auth={"type": "api_key", "key": {"secret": "token"}})
    columns = told(config).columns
    assert "hush" not in json.dumps(columns)
    assert set(columns) == {"***", "in"}
