"""`orc bootstrap`, `users`, `password`, `api-keys`: what is asked of the gateway, and what a person sees of its answer."""

import getpass
import io
import sys

import pytest
from support.scripted import Answer

ID, OTHER = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
ANN = {
    "user_id": ID, "username": "ann", "created_at": "2026-03-29T07:00:00Z", "updated_at": "2026-03-29T07:00:00Z",
    "role": "admin", "is_active": True,
}  # fmt: skip
BOB = ANN | {"user_id": OTHER, "username": "Bob", "role": "viewer"}
KEY = {
    "key_id": "abcdefghij", "name": "ci", "username": "ann", "scopes": ["jobs:read", "runs:*"],
    "created_at": "2026-03-29T07:00:00Z", "expires_at": "2026-06-29T07:00:00Z", "last_used_at": None, "revoked_at": None,
}  # fmt: skip


@pytest.fixture
def typed(monkeypatch):
    """Let standard input, or whoever types when asked, give these lines."""

    def give(*lines: str) -> None:
        left = list(lines)
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        monkeypatch.setattr(getpass, "getpass", lambda _prompt: left.pop(0))

    return give


@pytest.mark.parametrize("where", ["environment", "file", "asked"])
def test_bootstrap(orc, gateway, typed, monkeypatch, tmp_path, where):  # noqa: PLR0917
    """The secret comes from the environment, a file or whoever is asked; it is sent and never shown."""
    path = tmp_path / "secret"
    path.write_text("the secret\n")
    if where == "environment":
        monkeypatch.setenv("ORC_BOOTSTRAP_SECRET", "the secret")
    if where == "file":
        monkeypatch.setenv("ORC_BOOTSTRAP_SECRET_FILE", str(path))
    typed(*(["the secret"] if where == "asked" else []), "pass", "pass")
    gateway.on("POST", "/auth/bootstrap", ANN)
    called = orc("bootstrap", "ann")
    assert (called.code, called.out) == (0, "ann is the first admin: orc login ann\n")
    assert gateway.asked[-1].body == {"secret": "the secret", "username": "ann", "password": "pass"}
    assert "the secret" not in called.out + called.err


def test_bootstrap_without_its_file(orc, typed, monkeypatch, tmp_path):
    """A file that is not there is said by name."""
    monkeypatch.setenv("ORC_BOOTSTRAP_SECRET_FILE", str(tmp_path / "none"))
    called = orc("bootstrap", "ann", "--password-stdin")
    assert (called.code, called.err) == (1, f"orc: {tmp_path / 'none'}: No such file or directory\n")


def test_list_users(orc, gateway):
    """A line for each account."""
    gateway.on("GET", "/auth/users", [ANN, BOB])
    lines = [line.split() for line in orc("users").out.splitlines()]
    assert lines[0] == ["user_id", "username", "role", "is_active", "created_at"]
    assert [line[:3] for line in lines[1:]] == [[ID, "ann", "admin"], [OTHER, "Bob", "viewer"]]
    assert orc("users", "list", "--json").json == [ANN, BOB]


def test_list_users_by_pages(orc, gateway, monkeypatch):
    """As long as pages are full there is another one."""
    monkeypatch.setattr("orc.commands.users.LIST_MAX", 1)
    gateway.on("GET", "/auth/users", [ANN], [BOB], [])
    assert orc("users", "--json").json == [ANN, BOB]
    assert [asked.query.get("after") for asked in gateway.asked] == [None, ID, OTHER]


def test_add_user(orc, gateway, typed):
    """The role is a viewer's unless another is said; the password comes from standard input."""
    gateway.on("POST", "/auth/users", BOB)
    typed("pass")
    assert orc("users", "add", "bob", "--password-stdin", "--json").json == BOB
    assert gateway.asked[-1].body == {"username": "bob", "password": "pass", "role": "viewer"}
    typed("pass")
    orc("users", "add", "bob", "--role", "operator", "--password-stdin")
    assert gateway.asked[-1].body["role"] == "operator"
    assert orc("users", "add", "bob", "--role", "root").code == 2


def test_passwords_differ(orc, gateway, typed):
    """A new password is typed twice, and nothing is sent when the two differ."""
    typed("one", "another")
    called = orc("users", "add", "bob")
    assert (called.code, called.err, gateway.asked) == (1, "orc: the two passwords differ\n", [])


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["--role", "operator"], {"role": "operator"}),
        (["--inactive"], {"is_active": False}),
        (["--active", "--password-stdin"], {"is_active": True, "password": "pass"}),
        (["--password"], {"password": "pass"}),
    ],
    ids=str,
)
def test_change_user(orc, gateway, typed, arguments, body):
    """What is not said is not sent; a name is looked up without regard to case, an id is taken as it is."""
    gateway.on("GET", "/auth/users", [ANN, BOB])
    gateway.on("PUT", f"/auth/users/{OTHER}", BOB)
    for user in ("bob", OTHER):
        typed("pass", "pass")
        assert orc("users", "change", user, *arguments, "--json").json == BOB
        assert gateway.asked[-1].body == body


def test_nobody_to_change(orc, gateway):
    """A name nobody has is an error that says it."""
    gateway.on("GET", "/auth/users", [ANN])
    called = orc("users", "change", "eve", "--inactive")
    assert (called.code, called.err) == (1, "orc: there is no user eve\n")


def test_password(orc, gateway, typed):
    """The old one and the new one are sent, and the session's tokens, which are void now, forgotten."""
    gateway.on("POST", "/auth/password", Answer(status=204))
    typed("old", "new")
    called = orc("password", "--password-stdin")
    assert (called.code, called.out) == (0, "changed: log in again with orc login\n")
    assert gateway.asked[-1].body == {"old": "old", "new": "new"}


def test_list_keys(orc, gateway):
    """A line for each key; an admin sees everybody's."""
    gateway.on("GET", "/auth/api-keys", [KEY])
    assert orc("api-keys").out.splitlines()[1].split()[:3] == ["abcdefghij", "ci", "ann"]
    assert orc("api-keys", "list", "--everybody", "--json").json == [KEY]
    assert [asked.query for asked in gateway.asked] == [{}, {"everybody": "true"}]


def test_create_key(orc, gateway):
    """The key stands alone on standard output, for a shell to take; the rest is said beside it."""
    gateway.on("POST", "/auth/api-keys", {**KEY, "key": "orc_x"})
    called = orc("api-keys", "create", "ci", "jobs:read", "runs:*", "--expires-at", "2027-01-01T00:00Z")
    assert (called.out, "abcdefghij" in called.err) == ("orc_x\n", True)
    sent = gateway.asked[-1].body
    assert (sent["name"], sent["scopes"], sent["expires_at"][:10]) == (
        "ci",
        ["jobs:read", "runs:*"],
        "2027-01-01",
    )
    assert orc("api-keys", "create", "ci", "*", "--json").json == {**KEY, "key": "orc_x"}
    assert gateway.asked[-1].body["expires_at"] is None


def test_revoke_key(orc, gateway):
    """A key is revoked by its public part."""
    gateway.on("DELETE", "/auth/api-keys/abcdefghij", Answer(status=204))
    assert orc("api-keys", "revoke", "abcdefghij").out == "key abcdefghij is revoked\n"
    called = orc("api-keys", "revoke", "nosuchkey")
    assert (called.code, "nothing at" in called.err) == (1, True)
