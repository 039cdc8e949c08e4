"""What a csv config may say, judged before a job is kept."""

import pytest

from orc_domain.extract import parse_extractor
from orc_domain.rejection import Invalid


def csv(**more):
    return {"type": "csv", "path": "a.csv", **more}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (csv(encoding="klingon"), "encoding"),
        (csv(encoding="base64"), "encoding"),
        (csv(quote='""'), "quote"),
        (csv(quote="\n"), "quote"),
        (csv(quote=" "), "quote"),
        (csv(escape="\t"), "escape"),
        (csv(quote="", escape="\\"), "escape"),
        (csv(delimiter='"'), "delimiter"),
        (csv(delimiter="';'", quote="'"), "delimiter"),
        (csv(delimiter="\\", escape="\\"), "delimiter"),
        (csv(delimiter="\r"), "delimiter"),
        (csv(delimiter=""), "delimiter"),
        (csv(delimiter="12345"), "delimiter"),
        (csv(date_format="%Q"), "date_format"),
        (csv(date_format="%"), "date_format"),
        (csv(date_format="%-"), "date_format"),
        (csv(date_format="dd.mm.yyyy"), "date_format"),
        (csv(timestamp_format="%Y\n"), "timestamp_format"),
        (csv(decimal_separator=";"), "decimal_separator"),
        (csv(skip_lines=-1), "skip_lines"),
        (csv(file_name_column=" x"), "file_name_column"),
        (csv(compression="bzip2"), "compression"),
        (csv(on_bad_rows={"mode": "ignore"}), "on_bad_rows.mode"),
        (csv(on_bad_rows={"mode": "skip", "max": -1}), "on_bad_rows.max"),
        (csv(columns={"a": "WHATEVER"}), "columns.a"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(config, field):
    """With what would be valid, or msgspec's reason."""
    with pytest.raises(Invalid) as refusal:
        parse_extractor(config)
    assert refusal.value.field == f"extractor_config.{field}"


@pytest.mark.parametrize(
    "config",
    [
        csv(delimiter="\t"),
        csv(delimiter=" "),
        csv(delimiter="||"),
        csv(delimiter='"', quote="'"),
        csv(quote=""),
        csv(quote="'", escape=""),
        csv(encoding="UTF-16"),
        csv(encoding="cp1252"),
        csv(date_format="%-d. %B %Y"),
        csv(timestamp_format="%Y-%m-%dT%H:%M:%S.%f%z"),
        csv(date_format="100%% %d.%m.%Y"),
    ],
)
def test_what_can_be_meant_is_taken(config):
    """Unusual as it may be."""
    assert parse_extractor(config)
