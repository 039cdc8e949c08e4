"""`orc secrets`: values come by standard input, what is shown is never a value, and files of master keys are private."""

import stat
import sys

import pytest

from orc_runtime.master_keys import parse_master_keys
from orc_runtime.settings import Secret

STORED = {
    "name": "github-token", "version": 2, "updated_at": "2026-05-01T00:00:00Z", "updated_by": "user:ann",
    "master_key_id": "k1",
}  # fmt: skip


def keys_of(path):
    return [key.key_id for key in parse_master_keys("x", Secret(path.read_text()))]


def test_a_value_comes_by_standard_input(orc, gateway, monkeypatch, tmp_path):
    """Its last line's end is not part of it; it is no argument, and is not said."""
    gateway.on("PUT", "/secrets/github-token", STORED)
    value = tmp_path / "value"
    value.write_text("hush\nhush\n")
    with value.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        called = orc("secrets", "set", "github-token")
    assert (called.code, called.out) == (0, "github-token is set, version 2\n")
    assert gateway.asked[-1].body == {"value": "hush\nhush"}
    assert orc("secrets", "set", "github-token", "hush").code == 2


def test_what_there_is(orc, gateway):
    """A line each, or as JSON; one that is deleted is gone."""
    gateway.on("GET", "/secrets", [STORED])
    assert "github-token  2        2026-05-01T00:00:00Z  user:ann" in orc("secrets").out
    assert orc("secrets", "list", "--json").json == [STORED]
    gateway.on("DELETE", "/secrets/github-token", {})
    assert orc("secrets", "delete", "github-token").out == "github-token is deleted\n"


def test_rewrap_asks_until_nothing_is_left(orc, gateway):
    """What was done is added up; what cannot be opened is named, and is a failure."""
    done = {"master_key_id": "k2", "rewrapped": 2, "signing_keys": 1, "left": 1, "unopened": []}
    gateway.on("POST", "/secrets/rewrap", done, done | {"signing_keys": 0, "left": 0})
    called = orc("secrets", "rewrap")
    assert (called.code, called.out) == (0, "4 secrets and 1 signing keys are sealed by k2 now\n")
    gateway.on("POST", "/secrets/rewrap", done | {"unopened": ["lost"]})
    called = orc("secrets", "rewrap")
    assert (called.code, "lost cannot be opened" in called.err) == (1, True)


def test_a_file_of_master_keys(orc, tmp_path):
    """Only its owner reads it, none that is there is replaced, and another key goes before the others."""
    path = tmp_path / "master.key"
    assert orc("secrets", "key", str(path), "--id", "first").code == 0
    assert (keys_of(path), stat.S_IMODE(path.stat().st_mode)) == (["first"], 0o600)
    again = orc("secrets", "key", str(path))
    assert (again.code, "File exists" in again.err) == (1, True)
    assert orc("secrets", "key", str(path), "--add", "--id", "second").code == 0
    assert (keys_of(path), stat.S_IMODE(path.stat().st_mode)) == (["second", "first"], 0o600)
    assert orc("secrets", "key", str(path), "--add", "--id", "second").code == 1
    assert orc("secrets", "key", str(tmp_path / "x"), "--id", "No!").code == 1
    assert keys_of(path) == ["second", "first"]
    assert [one.name for one in tmp_path.iterdir() if "key" in one.name] == ["master.key"]


@pytest.mark.parametrize("text", ["", "first:AAAA"])
def test_a_file_that_holds_no_keys(orc, tmp_path, text):
    """It is left as it is."""
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)
    assert orc("secrets", "key", str(path), "--add").code == 1
    assert path.read_text() == text
