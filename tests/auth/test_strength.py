"""Where a login is needed, a password is judged by how many guesses it takes."""

import pytest

from orc_auth import strength
from orc_auth.denial import InvalidPassword
from orc_auth.strength import JUDGED_CHARS_MAX, check_strength


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "a password long enough",
        "k7Qw3TeStx9Z",
        "x7!Rk" * 100,
        "пароль длинный и свой",
    ],
)
def test_strong(password):
    """What takes many guesses will do, without rules of what must be in it."""
    check_strength(password, "ann")


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short1!Aa", "12 characters or more"),
        ("Password123!", "common"),
        ("aaaaaaaaaaaaaaaaaaaa", "easy to guess"),
        ("qwertyuiopas", "easy to guess"),
        ("abcabcabcabcabc", "harder to guess"),
        ("annette.smithson", "easy to guess"),
        ("orcnatsator1", "easy to guess"),
    ],
)
def test_weak(password, words):
    """What takes few guesses is refused, saying why; so is the account's own name, and ours."""
    with pytest.raises(InvalidPassword) as caught:
        check_strength(password, "annette.smithson")
    answer = caught.value.answer
    assert (answer.kind, answer.field) == ("invalid", "password")
    assert words in answer.detail
    assert password not in answer.detail


def test_bounded(monkeypatch):
    """However long the password, only so much of it is judged: the judging takes more than linear time."""
    import zxcvbn  # noqa: PLC0415

    judged, judge = [], zxcvbn.zxcvbn

    def watched(text, **options):
        judged.append(len(text))
        return judge(text, **options)

    monkeypatch.setattr(zxcvbn, "zxcvbn", watched)
    check_strength("correct horse battery staple " * 30, "ann")
    assert judged == [JUDGED_CHARS_MAX]
    assert strength.SCORE_MIN == 3
