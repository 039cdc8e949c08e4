"""A name is what a person sees; names that look alike are the same name."""

import pytest

from orc_auth.denial import Denied
from orc_auth.usernames import Username, read_username


@pytest.mark.parametrize(
    ("text", "shown", "key"),
    [
        ("myuser", "myuser", "myuser"),
        ("  Ann \t", "Ann", "ann"),
        ("Ann Lee", "Ann Lee", "ann lee"),
        ("ＡＮＮ", "ANN", "ann"),
        ("STRAßE", "STRAßE", "strasse"),
        ("é", "é", "é"),
        ("ann\u00a0lee", "ann lee", "ann lee"),
        ("李小龙", "李小龙", "李小龙"),
        ("x" * 64, "x" * 64, "x" * 64),
        ("😀" * 58, "😀" * 58, "😀" * 58),
        ("a/key b", "a/key b", "a/key b"),
    ],
)
def test_good_names(text, shown, key):
    """A name is kept as it was written, trimmed and normalised, and compared without regard to case."""
    assert read_username(text) == Username(shown, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "x" * 65,
        "ﷺ" * 4,
        "😀" * 59,
        "ann/key:abc",
        "ann/KEY:abc",
        "ann／ｋｅｙ：abc",
        "a\nb",
        "a\x00b",
        "a\u200bb",
        "a\u202eb",
        "a\u2028b",
        "a\u1680b",
        "a\ud800b",
        "\ue000",
    ],
    ids=ascii,
)
def test_bad_names(text):
    """Empty, too long, with anything nobody can see, or like an API key in the log: refused, naming the field."""
    with pytest.raises(Denied) as caught:
        read_username(text)

    assert (caught.value.answer.kind, caught.value.answer.code, caught.value.answer.field) == (
        "invalid",
        "invalid-username",
        "username",
    )
