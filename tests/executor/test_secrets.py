"""Where secrets come from, and that they are not said."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest

from orc_domain.config import SecretRef
from orc_executor.errors import SecretMissing, WrongShape
from orc_executor.secrets import Secrets

TOKEN = SecretRef("github-token")


def test_the_variable_comes_before_the_file(tmp_path):
    """Without the variable it is the file, less the newline that editors add."""
    (tmp_path / "github-token").write_text("from file\n")
    both = Secrets({"ORC_SECRET_GITHUB_TOKEN": "from variable"}, tmp_path)
    assert both.resolve(TOKEN).reveal() == "from variable"
    assert Secrets({}, tmp_path).resolve(TOKEN).reveal() == "from file"


def test_a_missing_secret_names_all_places(tmp_path):
    """One reads in the error where to put it."""
    places = f"ORC_SECRET_GITHUB_TOKEN, the file {tmp_path}/github-token and the secret store"
    with pytest.raises(SecretMissing, match=places):
        Secrets({}, tmp_path).resolve(TOKEN)
    with pytest.raises(SecretMissing, match="ORC_SECRETS_DIR is not set"):
        Secrets({}, None).resolve(TOKEN)


def test_what_was_given_is_taken_out_of_what_is_said():
    """Until the task is over; the object itself never shows it."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": "hush"}, None)
    secret = secrets.resolve(TOKEN)
    assert secrets.redact("the server said: Bearer hush") == "the server said: Bearer ***"
    assert "hush" not in f"{secret!r} {secret}"
    secrets.forget()
    assert secrets.redact("hush") == "hush"


ODD = 'pa ss/w%rd"Q\\<&>'


@pytest.mark.parametrize(
    "said",
    [
        ODD,
        ODD.upper(),
        quote(ODD),
        quote(ODD, safe=""),
        quote(ODD, safe="/%&\\"),
        quote_plus(ODD),
        json.dumps(ODD)[1:-1],
        repr(ODD)[1:-1],
        " ".join(ODD.split()),
    ],
)
def test_a_secret_is_known_however_it_is_spelled(said):
    """A redirect quotes it for a URL, a host has no capitals, an engine's message may hold JSON."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": ODD}, None)
    secrets.resolve(TOKEN)
    assert secrets.redact(f"led to http://h/{said}: no") == "led to http://h/***: no"


@pytest.mark.parametrize("before", ["", "x", "me:", "Bearer "])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("spell", [str, quote, quote_plus])
def test_a_secret_is_known_in_base64(before, encode, spell):
    """Wherever it begins in what was encoded, as Basic auth does; also after it was quoted for a URL."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": "sword/fish?>?+~"}, None)
    secrets.resolve(TOKEN)
    said = encode((before + spell("sword/fish?>?+~") + ";end").encode()).decode()
    said = secrets.redact(f"got {said} and {quote(said, safe='')}")
    assert said.count("***") == 2
    # What is left is of what stood around it, to the digit that holds a part of both.
    left = said.split()[1].replace("***", "")
    assert len(left) <= 4 * (len(before) + len(";end")) / 3 + 4


def test_a_short_secret_is_no_pattern_in_base64():
    """Three letters of it could be of anything."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": "abc"}, None)
    secrets.resolve(TOKEN)
    assert secrets.redact("YWJj abc") == "YWJj ***"


def test_a_secret_quoted_twice():
    """A URL in a parameter of another URL."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": "a/b%c"}, None)
    secrets.resolve(TOKEN)
    once = quote("a/b%c", safe="")
    assert secrets.redact(f"{once} {quote(once)} {quote(quote(once))}!") == "*** *** ***!"


def test_one_secret_may_begin_another():
    """Nothing of the longer one is left over."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": "hush", "ORC_SECRET_OTHER": "hush-hush-now"}, None)
    secrets.resolve(TOKEN)
    secrets.resolve(SecretRef("other"))
    assert secrets.redact("hush-hush-now, hush") == "***, ***"


def test_a_cut_leaves_no_beginning_of_a_secret():
    """A message that is too long ends in the middle of what a server said."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": "swordfish%21"}, None)
    secrets.resolve(TOKEN)
    assert [secrets.redact(text) for text in ("said: swordf…", "said: swordfish%2521…", "said: swordf")] == [
        "said: ***…",
        "said: ***…",
        "said: swordf",
    ]
    long = WrongShape("x" * 1990 + "swordfish%21").message
    assert secrets.redact(long) == "x" * 1990 + "***…"
