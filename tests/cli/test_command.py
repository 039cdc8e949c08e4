"""The command as a whole: help without waiting, exit codes, tokens, where it finds the stack."""

import subprocess
import sys

from support.scripted import Answer

from orc.client import read_events
from orc.embedded.home import Home
from orc.options import Options

HEAVY = ("asyncpg", "duckdb", "httpx", "litestar", "nats", "pyarrow", "yaml")


def test_help_imports_nothing_heavy():
    """Help names every command and waits for no library that it does not need."""
    code = (
        "import sys\nfrom orc.__main__ import main\n"
        "try:\n main()\nexcept SystemExit as end:\n"
        f" print('\\nheavy', [name for name in {HEAVY} if name in sys.modules], end.code)"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy [] 0"
    commands = "audit backfill backfills demo events jobs login logout migrate register replay run runs up"
    assert [name for name in commands.split() if f"│ {name} " not in done.stdout] == []


def test_supervisor_imports_nothing_heavy():
    """What stays in memory beside the services is small."""
    code = f"import sys, orc.embedded.__main__\nprint([name for name in {(*HEAVY, 'cyclopts', 'rich')} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_misuse_exits_2(orc):
    """Unknown commands and options are not failures of the work."""
    assert orc("jobs", "nonsense").code == 2
    assert orc("run", "--nonsense").code == 2


def test_no_gateway(orc, gateway):
    """Where nobody answers, one line says what to do."""
    called = orc("jobs", "list", "--url", "http://127.0.0.1:1")
    assert called.code == 1
    assert called.err.startswith("orc: http://127.0.0.1:1 does not answer (")
    assert len(called.err.splitlines()) == 1


def test_refused_token_is_said(orc, gateway):
    """A 401 is one line."""
    gateway.on("GET", "/jobs", Answer({"detail": "the token is not valid"}, status=401))
    assert orc("jobs", "list").err == "orc: the token is not valid [401]\n"


def test_stack_is_found_by_its_home(tmp_path, monkeypatch):
    """Without a URL the stack of ORC_HOME is spoken to, and its database read."""
    home = Home(tmp_path)
    home.lock()
    home.write_env({"ORC_URL": "http://127.0.0.1:5", "ORC_AUDITOR_DATABASE_URL": "postgresql://a"})
    for name in ("ORC_AUDITOR_DATABASE_URL", "ORC_DATABASE_URL", "ORC_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORC_HOME", str(tmp_path))
    assert Options().gateway == "http://127.0.0.1:5"
    assert Options(url="http://b/").gateway == "http://b"
    assert Options().database_url("ORC_AUDITOR_DATABASE_URL", "ORC_DATABASE_URL") == "postgresql://a"


def test_audit_without_a_log_is_an_error_not_a_verdict(orc):
    """Where there is nothing to read, nothing is said of the chain."""
    called = orc("audit", "verify")
    assert (called.code, called.out) == (1, "")
    assert "ORC_AUDITOR_DATABASE_URL is not set" in called.err


def test_event_stream_is_read_as_the_standard_says():
    """Comments are dropped, data of several lines is joined, an event without data is none."""
    lines = iter(
        [
            ": hi",
            "",
            "id: 7",
            "event: a",
            "data: one",
            "data: two",
            "",
            "event: b",
            "",
            "data:three",
            "",
            "data: cut",
        ]
    )
    assert [(event.id, event.name, event.data) for event in read_events(lines)] == [
        ("7", "a", "one\ntwo"),
        (None, "message", "three"),
    ]
