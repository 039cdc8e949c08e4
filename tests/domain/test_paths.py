"""Which paths are refused by their text alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orc_domain.paths import check_path
from orc_domain.rejection import Invalid

VALID = "a path without '..', under ORC_DATA_DIR or one of ORC_FILE_ROOTS"


@pytest.mark.parametrize(
    "path",
    [
        "a.csv", "/data/a.csv", "a/b/*.parquet", "**/a.csv", "./a", "...", "a..b", "..a/b..", "über/日本.csv",
        "2026-05-04T10:00:00.csv", "Screenshot\u202fAM.csv", "flights:final.csv", "it's.csv", "~a/b".replace("~", "-"),
    ],
)  # fmt: skip
def test_a_path_is_taken(path):
    """Names may be odd, as long as they are names."""
    check_path(path, "path")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "empty"), ("  ", "empty"),
        ("..", "climbs"), ("../a", "climbs"), ("a/..", "climbs"), ("a/../b", "climbs"), ("/a/../b", "climbs"),
        ("..\\a", "climbs"), ("a\\..\\b", "climbs"), ("a/ .. /b", "climbs"),
        ("http://a/b", "URL"), ("HTTP://a/b", "URL"), (" http://a", "URL"), ("http:/a", "URL"), ("s3://b/a", "URL"),
        ("file:/etc/passwd", "URL"), ("file:a", "URL"), ("data:text/csv,a", "URL"), ("postgres:dbname=x", "URL"),
        ("md:mine", "URL"), ("hf://datasets/a", "URL"),
        ("C:\\a", "Windows"), ("C:a", "Windows"), ("c:/a", "Windows"), ("\\\\server\\share", "Windows"),
        ("//server/share", "Windows"), ("\\\\?\\C:\\a", "Windows"), ("a\\b", "Windows"),
        ("a\0b", "control"), ("a\nb", "control"), ("a\x7f", "control"), ("a\x85", "control"), ("a\u2028", "control"),
        ("\ud800", "control"),
        ("~/a", "'~'"), ("~root/a", "'~'"),
        ("a/" * 2100, "4096 bytes"), ("é" * 128, "255 bytes"),
    ],
)  # fmt: skip
def test_a_path_is_refused(path, problem):
    """Whatever climbs, names another machine's drive, or is a URL in disguise is refused with the reason."""
    with pytest.raises(Invalid) as refusal:
        check_path(path, "tasks[0].extractor_config.path")
    assert problem in refusal.value.detail
    assert (refusal.value.field, refusal.value.valid) == ("tasks[0].extractor_config.path", VALID)


@given(st.text())
def test_what_is_taken_can_be_opened(path):
    """A path that is taken has no part that climbs, and can be given to the file system."""
    try:
        check_path(path, "path")
    except Invalid:
        return
    assert ".." not in path.split("/")
    assert b"\0" not in path.encode()
