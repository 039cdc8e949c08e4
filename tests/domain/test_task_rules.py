"""Which extractors and loaders go together."""

import pytest

from orc_domain.extract import parse_extractor
from orc_domain.load import parse_loader
from orc_domain.rejection import Invalid
from orc_domain.task_rules import check_task, goes_on

API = {"type": "api", "url": "https://example.org/a"}
CSV = {"type": "csv", "path": "a.csv"}
INCREMENTAL = {"incremental": {"cursor": "at"}}
DUCKDB = {"type": "duckdb", "db_path": "a.duckdb", "table_name": "t", "write_disposition": "append"}
SCD2 = {**DUCKDB, "write_disposition": "scd2", "primary_key": ["id"]}


@pytest.mark.parametrize(
    ("extractor", "expected"),
    [(API, False), ({**API, **INCREMENTAL}, True), ({**API, "conditional": True}, True), (CSV, False),
     ({**CSV, **INCREMENTAL}, True), ({**CSV, "files": "new"}, True), ({"type": "inline", "rows": []}, False)],
)  # fmt: skip
def test_what_goes_on_from_its_last_run(extractor, expected):
    """A cursor, files that are new, an answer that did not change."""
    assert goes_on(parse_extractor(extractor)) is expected


@pytest.mark.parametrize(
    ("extractor", "loader", "word"),
    [
        ({**CSV, **INCREMENTAL}, {"type": "discard"}, "incremental"),
        ({**CSV, "files": "new"}, {"type": "discard"}, "files"),
        ({**API, "conditional": True}, {"type": "discard"}, "conditional"),
        ({**CSV, **INCREMENTAL}, {**DUCKDB, "db_path": ":memory:"}, "incremental"),
        ({**CSV, **INCREMENTAL}, {**DUCKDB, "write_disposition": "replace"}, "incremental"),
        ({**CSV, "files": "new"}, {**DUCKDB, "write_disposition": "replace"}, "files"),
        ({**CSV, **INCREMENTAL}, SCD2, "incremental"),
    ],
)
def test_what_would_lose_rows_is_refused(extractor, loader, word):
    """A target that keeps nothing, or one that would drop what an incremental run does not bring."""
    with pytest.raises(Invalid) as refusal:
        check_task(parse_extractor(extractor), parse_loader(loader), "tasks[0]")
    assert refusal.value.field == f"tasks[0].extractor_config.{word}"


@pytest.mark.parametrize(
    ("extractor", "loader"),
    [
        (CSV, {"type": "discard"}),
        ({**CSV, **INCREMENTAL}, DUCKDB),
        ({**CSV, **INCREMENTAL}, {**SCD2, "scd2": {"absent": "keep"}}),
        ({**API, "conditional": True}, {**DUCKDB, "write_disposition": "replace"}),
    ],
)
def test_what_goes_together(extractor, loader):
    """An answer that did not change leaves even a table to be replaced."""
    check_task(parse_extractor(extractor), parse_loader(loader), "tasks[0]")
