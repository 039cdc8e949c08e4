"""`orc login` keeps tokens for one gateway, other commands renew them, and `orc logout` ends the session."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.scripted import Answer

LONG_AGO, LONG_HENCE = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def tokens(name: str, expires_at: str = LONG_HENCE) -> dict[str, Any]:
    return {"token": f"access-{name}", "expires_at": expires_at, "refresh_token": f"refresh-{name}"}


@pytest.fixture
def log_in(orc, gateway, monkeypatch, tmp_path):
    """Log in and return the file of tokens."""

    def log_in(answer: dict[str, Any]) -> Path:
        gateway.on("POST", "/auth/login", answer)
        password = tmp_path / "password"
        password.write_text("a password\n")
        with password.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            called = orc("login", "ana", "--password-stdin", "--json")
        assert gateway.asked.pop().body == {"username": "ana", "password": "a password"}
        return Path(called.json["token_file"])

    return log_in


def sent(gateway) -> list[str | None]:
    return [asked.headers.get("Authorization") for asked in gateway.asked if asked.path == "/jobs"]


def test_tokens_are_kept_for_this_gateway_alone(orc, gateway, log_in):
    """In a private file; sent to the gateway that gave them and to no other, and to none after the logout."""
    kept = log_in(tokens("one"))
    gateway.on("GET", "/jobs", [])
    gateway.on("POST", "/auth/logout", Answer(status=204))
    assert (kept.stat().st_mode & 0o777, json.loads(kept.read_text())) == (
        0o600,
        {gateway.url: tokens("one")},
    )
    orc("jobs", "list")
    orc("jobs", "list", "--url", gateway.url.replace("127.0.0.1", "localhost"))
    orc("logout")
    orc("jobs", "list")
    assert sent(gateway) == ["Bearer access-one", None, None]
    [ended] = [asked for asked in gateway.asked if asked.path == "/auth/logout"]
    assert (ended.headers["Authorization"], ended.body) == ("Bearer access-one", {"everywhere": False})


def test_a_stale_token_is_renewed_once(orc, gateway, log_in):
    """The refresh token is sent without the old one; what comes back is kept and used from then on."""
    kept = log_in(tokens("old", LONG_AGO))
    gateway.on("GET", "/jobs", [])
    gateway.on("POST", "/auth/refresh", tokens("new"))
    orc("jobs", "list")
    orc("jobs", "list")
    [refreshed] = [asked for asked in gateway.asked if asked.path == "/auth/refresh"]
    assert (refreshed.headers.get("Authorization"), refreshed.body) == (
        None,
        {"refresh_token": "refresh-old"},
    )
    assert sent(gateway) == ["Bearer access-new", "Bearer access-new"]
    assert json.loads(kept.read_text()) == {gateway.url: tokens("new")}


def test_a_token_that_is_void_before_its_time_is_renewed(orc, gateway, log_in):
    """As when the signing key was lost: the command asks again with the next one, once, and goes on."""
    kept = log_in(tokens("void"))
    gateway.on("GET", "/jobs", Answer({"detail": "no longer"}, status=401), [])
    gateway.on("POST", "/auth/refresh", tokens("new"))
    orc("jobs", "list")
    assert sent(gateway) == ["Bearer access-void", "Bearer access-new"]
    assert json.loads(kept.read_text()) == {gateway.url: tokens("new")}


def test_what_stays_refused_is_asked_once_more_at_most(orc, gateway, log_in):
    """Whoever is let in by no token is not asked for ever."""
    log_in(tokens("void"))
    gateway.on("GET", "/jobs", Answer({"detail": "no"}, status=401))
    gateway.on("POST", "/auth/refresh", tokens("new"))
    assert orc("jobs", "list").code == 1
    assert sent(gateway) == ["Bearer access-void", "Bearer access-new"]


def test_a_session_that_is_over_is_forgotten(orc, gateway, log_in):
    """Its tokens are sent no more."""
    kept = log_in(tokens("old", LONG_AGO))
    gateway.on("GET", "/jobs", [])
    gateway.on("POST", "/auth/refresh", Answer({"detail": "it is over"}, status=401))
    orc("jobs", "list")
    assert sent(gateway) == [None]
    assert json.loads(kept.read_text()) == {}


def test_what_is_set_comes_before_what_is_kept(orc, gateway, log_in, monkeypatch):
    """ORC_TOKEN is a token or an API key, sent as it is."""
    log_in(tokens("old", LONG_AGO))
    gateway.on("GET", "/jobs", [])
    monkeypatch.setenv("ORC_TOKEN", "orc_key")
    orc("jobs", "list")
    assert sent(gateway) == ["Bearer orc_key"]
    assert len(gateway.asked) == 1
