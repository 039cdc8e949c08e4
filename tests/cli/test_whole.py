"""The command against a real stack, as its own process, the way a person or a script uses it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import processes_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def environment(home: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORC_")}
    return inherited | {"ORC_HOME": str(home)} | more


@pytest.fixture
def orc(stack):
    """Call the command for the running stack, found by its home."""

    def call(*arguments: str, expect: int = 0, **options) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "orc", *arguments],
            env=environment(stack.home), capture_output=True, text=True, check=False, timeout=120, **options,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    return call


@pytest.fixture
def jobs(tmp_path):
    """Write a file of two jobs, one that works and one whose file is missing."""
    loader = {"type": "discard"}
    good = {"extractor_config": {"type": "inline", "rows": [{"n": 1}, {"n": 2}]}, "loader_config": loader}
    bad = {"extractor_config": {"type": "csv", "path": "nowhere.csv"}, "loader_config": loader}
    path = tmp_path / "jobs.json"
    path.write_text(
        json.dumps(
            [
                {"job_name": f"{name} of {tmp_path.name}", "schedule": "@manual", "tasks": [task]}
                for name, task in (("good", good), ("bad", bad))
            ]
        )
    )
    return path


def test_apply_run_and_follow(orc, jobs, tmp_path):
    """Applied twice a file changes nothing; a run that works exits 0, one that fails exits 1 with its reason."""
    good, bad = f"good of {tmp_path.name}", f"bad of {tmp_path.name}"
    applied = [
        [
            json.loads(line)["done"]
            for line in orc("jobs", "apply", "-f", str(jobs), "--json").stdout.splitlines()
        ]
        for _ in range(2)
    ]
    assert applied == [["created", "created"], ["unchanged", "unchanged"]]
    *events, ended = [json.loads(line) for line in orc("run", good, "--follow", "--json").stdout.splitlines()]
    logged = [event["event"] for event in events if event["event"] != "progress"]
    assert logged == ["run.requested", "run.started", "task.succeeded", "run.succeeded"]
    assert ended["status"] == "success"
    failed = orc("run", bad, "--follow", expect=1)
    assert "nowhere.csv" in failed.stdout.splitlines()[-1]
    (shown,) = json.loads(orc("runs", "--job", bad, "--json").stdout)
    assert shown["status"] == "failed"
    assert "run.failed" in orc("runs", "show", shown["run_id"]).stdout
    orc("jobs", "delete", bad)
    orc("jobs", "show", bad, expect=1)


def test_changed_job_is_changed(orc, jobs):
    """A definition that says something else is taken over."""
    orc("jobs", "apply", "-f", str(jobs))
    changed = json.loads(jobs.read_text())
    changed[0]["description"] = "now described"
    jobs.write_text(json.dumps(changed))
    lines = orc("jobs", "apply", "-f", str(jobs)).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["changed", "unchanged"]


def test_interrupted_follower_exits_130(stack, orc):
    """Ctrl-C ends `events --follow` at once, with the exit code of an interrupt."""
    arguments = [sys.executable, "-m", "orc", "events", "--follow", "--after", "0"]
    orc("jobs", "list")
    with subprocess.Popen(
        arguments, env=environment(stack.home, PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_account_and_token(orc, stack):
    """Register, log in, act under one's name, log out."""
    password = "correct horse battery staple\n"
    orc("register", "ana-of-the-command", "--password-stdin", input=password)
    orc("login", "ana-of-the-command", "--password-stdin", input=password)
    assert (stack.home / "tokens.json").stat().st_mode & 0o777 == 0o600
    job = {"job_name": "by ana", "schedule": "@manual", "tasks": []}
    job["tasks"] = [
        {"extractor_config": {"type": "inline", "rows": []}, "loader_config": {"type": "discard"}}
    ]
    path = stack.home / "by-ana.json"
    path.write_text(json.dumps(job))
    orc("jobs", "apply", "-f", str(path))
    orc("logout")
    events = [
        json.loads(line) for line in orc("events", "--type", "job.created", "--json").stdout.splitlines()
    ]
    actors = [event["actor"] for event in events if event["data"]["spec"]["job_name"] == "by ana"]
    assert actors == ["user:ana-of-the-command"]
    orc("login", "ana-of-the-command", "--password-stdin", input="wrong\n", expect=1)


def test_migrate_has_nothing_to_do(orc):
    """The stack migrated at its start."""
    assert json.loads(orc("migrate", "--json").stdout) == {"current": True}


def test_demo(tmp_path):
    """The demo loads every table of the examples, proves the log, and leaves no process behind."""
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "orc", "demo"],
        cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {"flights": "336,776", "flights_parquet": "336,776", "weather": "26,115", "weather_api": "26,115"}
    rows |= {"planes": "3,322", "planes_api": "3,322", "airports": "1,458", "airports_api": "1,458"}
    rows |= {"airlines": "16", "airlines_api": "16"}
    assert [name for name, count in rows.items() if f"\n{name}  {count} rows" not in done.stdout] == []
    assert "\nequal at position " in done.stdout
    assert "\nverified " in done.stdout
    assert processes_of(home) == []


def test_interrupted_demo_leaves_nothing(tmp_path):
    """Ctrl-C in the middle of the demo stops all it has started."""
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, "-m", "orc", "demo"],
        cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        for line in process.stdout:
            if "Running flights" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert processes_of(home) == []
