"""The conformance suite fails where a plugin does."""

import pytest
from executor.test_plugin_conformance import read_sqlite
from support.plugins import EXAMPLES, MODULES, announce, on_path

from orc_executor.plugins.conformance import ExtractorCase, LoaderCase, NotConforming, extractors, loaders

POINTS = {"orc.loaders": {"flawed": "flawed:Flawed"}, "orc.extractors": {"odd": "flawed:Odd"}}


@pytest.fixture(autouse=True)
def plugins(tmp_path, monkeypatch):
    announce(tmp_path / "site", POINTS)
    with on_path(monkeypatch, tmp_path / "site", MODULES, EXAMPLES):
        yield


@pytest.mark.parametrize(
    ("flaw", "check", "found"),
    [
        ("batch by batch", loaders.a_failing_source_changes_nothing, "after a source that broke off"),
        ("batch by batch", loaders.a_crash_loses_and_doubles_nothing, "killed at mid_write"),
        ("rows first", loaders.a_crash_loses_and_doubles_nothing, "killed at before_commit"),
        ("no receipt", loaders.a_repeated_order_loads_nothing, "a repeated order was answered with"),
        ("no fence", loaders.an_earlier_attempt_is_held_back, "an attempt that was held back"),
        ("no receipt", loaders.two_at_once_load_once, "two at once were answered with"),
    ],
)
def test_flaws_of_loaders_are_found(tmp_path, flaw, check, found):
    """Rows without their receipt, receipts and fences that are forgotten."""
    config = {"type": "flawed", "path": "out.sqlite", "table": "t", "flaw": flaw}
    with pytest.raises(NotConforming, match=found):
        check(LoaderCase(folder=tmp_path, config=lambda _folder: config, read_back=read_sqlite))


@pytest.mark.parametrize(
    ("flaw", "check", "found"),
    [
        ("unstable", extractors.types_and_order_are_stable, "the rows differ between two runs: row 0"),
        ("skips", extractors.a_cursor_goes_on, "19 rows beyond the cursor did not come"),
        ("deaf", extractors.a_stop_ends_it, "it did not stop within 1 s"),
    ],
)
def test_flaws_of_extractors_are_found(tmp_path, monkeypatch, flaw, check, found):
    """Rows that change, a cursor that leaves rows out, and a plugin that hears no stop."""
    monkeypatch.setattr(extractors, "STOP_SECONDS_MAX", 1.0)
    data = tmp_path / "data"
    data.mkdir()
    config = {"type": "odd", "flaw": flaw, "incremental": {"cursor": "n"}}
    with pytest.raises(NotConforming, match=found):
        check(ExtractorCase(config=config, folder=data, cursor="60"))


def test_rows_that_are_not_the_expected_ones_are_found(tmp_path):
    """The first that differs is shown."""
    config = {"type": "odd", "flaw": "none"}
    case = ExtractorCase(config=config, folder=tmp_path, rows=[{"n": n, "stamp": -n} for n in range(100)])
    with pytest.raises(NotConforming, match=r"row 1 is \{'n': 1, 'stamp': 1\}"):
        extractors.every_row_comes(case)
