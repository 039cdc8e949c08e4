"""P19, P21, P22, P23: one file and eight loaders, a careless reader, a full disk, broken files, bad sources."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.client import Client, into
from faults.machine import Machine, machine_running
from faults.verdict import fetch_all, judge, keep, require_sound

DISK_BYTES = 16 * 1024**2
LOADERS, ROUNDS = 8, 4
MEDDLE = """
import shutil, sys, time
path = sys.argv[1]
while True:
    with open(path, "rb") as file:
        file.read(4096)
    shutil.copyfile(path, path + ".backup")
    time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Machine]:
    """Run a stack whose workers open and close the file they load into, and with a small disk in its data."""
    folder = tmp_path_factory.mktemp("files")
    disk = folder / "data" / "small"
    disk.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "faults", str(disk)], check=False
    )
    try:
        settings = {
            "ORC_SLOTS": "3",
            "ORC_FILE_ROOTS": str(folder),
            "ORC_SCRATCH_DIR": str(folder / "scratch"),
        }
        with machine_running(folder, seed=seed, breaks=("careless",), executor_settings=settings) as running:
            if mounted.returncode == 0:
                running.history.fault("small disk")
            yield running
            keep(running, "files")
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", str(disk)], check=False)


def csv_of(machine: Machine, name: str, rows: int, text: str = "row {n}") -> str:
    path = machine.folder / name
    with path.open("w") as file:
        file.write("id,text\n")
        file.writelines(f"{n},{text.format(n=n)}\n" for n in range(rows))
    return str(path)


def test_eight_loaders_on_one_file(machine: Machine, client: Client):
    """Eight loads at a time go into one file that is opened, closed and copied all the while: none is lost."""
    csv = csv_of(machine, "rows.csv", 1000)
    jobs = [
        client.create(f"loader {n}", {"type": "csv", "path": csv}, into("one.duckdb", f"rows{n % 3}"))
        for n in range(LOADERS)
    ]
    assert client.finished(client.run(jobs[0]))["status"] == "success"
    meddler = subprocess.Popen([sys.executable, "-c", MEDDLE, str(machine.data / "one.duckdb")])
    try:
        accepted = [run for _ in range(ROUNDS) for job in jobs for run in client.runs(job, 1)]
        assert client.all_finished(accepted) == {"success"}
        assert meddler.poll() is None
        machine.history.fault("meddled")
    finally:
        meddler.kill()
        meddler.wait()
    (machine.data / "one.duckdb.backup").unlink(missing_ok=True)
    require_sound(machine)


def test_hard_linked_file(machine: Machine, client: Client):
    """A file with a second name is not written: the lock beside one name would not be seen by who uses the other."""
    job = client.create("linked", {"type": "inline", "rows": [{"n": 1}]}, into("linked.duckdb"))
    assert client.finished(client.run(job))["status"] == "success"
    (machine.data / "other-name").hardlink_to(machine.data / "linked.duckdb")
    failed = client.finished(client.run(job))
    assert (failed["status"], "hard links" in failed["error_message"]) == ("failed", True)
    (machine.data / "other-name").unlink()
    assert client.finished(client.run(job))["status"] == "success"
    require_sound(machine)


def test_disk_full(machine: Machine, client: Client):
    """A disk that runs full costs the run that filled it: earlier loads are whole, the executor goes on."""
    assert machine.history.total["small disk"] == 1, "INVALID run, not a failed one: there is no small disk"
    small, big = csv_of(machine, "small.csv", 1000), machine.folder / "big.csv"
    with big.open("w") as file:
        file.write("id,text\n")
        file.writelines(f"{n},{hashlib.sha256(str(n).encode()).hexdigest() * 4}\n" for n in range(150_000))
    fits = client.create("fits", {"type": "csv", "path": small}, into("small/disk.duckdb"))
    bursts = client.create("bursts", {"type": "csv", "path": str(big)}, into("small/disk.duckdb", "big"))
    assert client.finished(client.run(fits))["status"] == "success"
    before = {name: machine.processes[name].pid for name in machine.executors}
    failed = client.finished(client.run(bursts))
    assert (failed["status"], "space" in failed["error_message"]) == ("failed", True)
    machine.history.fault("disk full")
    assert client.finished(client.run(fits))["status"] == "success"
    assert {name: machine.processes[name].pid for name in machine.executors} == before
    require_sound(machine)


def broken(path: Path, how: str) -> None:
    content = path.read_bytes()
    match how:
        case "text":
            path.write_text("this is no database\n" * 1000)
        case "truncated":
            path.write_bytes(content[: len(content) // 3])
        case "flipped":
            path.write_bytes(bytes(byte ^ 0xFF for byte in content[:8192]) + content[8192:])


@pytest.mark.parametrize("how", ["text", "truncated", "flipped"])
def test_broken_file(machine: Machine, client: Client, how: str):
    """A file that is no database of ours fails its runs with a reason and stays, byte for byte, as it was."""
    csv = csv_of(machine, "rows.csv", 1000)
    healthy = client.create("healthy", {"type": "csv", "path": csv}, into("healthy.duckdb"))
    assert client.finished(client.run(healthy))["status"] == "success"
    path = machine.data / f"broken-{how}.duckdb"
    shutil.copyfile(machine.data / "healthy.duckdb", path)
    broken(path, how)
    machine.history.fault("file broken", how=how)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    job = client.create(f"broken {how}", {"type": "csv", "path": csv}, into(path.name))
    failed = client.finished(client.run(job))
    assert (failed["status"], path.name in failed["error_message"]) == ("failed", True)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert client.finished(client.run(healthy))["status"] == "success"
    require_sound(machine)


def api(machine: Machine, path: str, **more: object) -> dict:
    secret = {"type": "bearer", "token": {"secret": "canary"}}
    return {"type": "api", "url": f"{machine.source.url}{path}", "auth": secret, **more}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/locked", "success"),
        ("/telltale", "failed"),
        ("/redirect", "failed"),
        ("/lie", "failed"),
        ("/die", "success"),
    ],
)
def test_sources(machine: Machine, client: Client, path: str, status: str):
    """A source that lies, dies, redirects inside or shows the secret: the table is all or nothing, the secret nowhere."""
    machine.source.deaths = 1
    job = client.create(f"source {path}", api(machine, path), into("sources.duckdb", path.strip("/")))
    assert client.finished(client.run(job))["status"] == status
    assert machine.source.seen[path] >= 1
    require_sound(machine)


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_source_without_end_is_cancelled(machine: Machine, client: Client, path: str):
    """A source that never ends is given up when somebody cancels; nothing of it is loaded."""
    run = client.run(
        client.create(f"endless {path}", api(machine, path), into("sources.duckdb", path.strip("/")))
    )
    machine.until(lambda: machine.source.seen[path], "the source to be asked")
    client.insist(f"/runs/{run}/cancel")
    assert client.finished(run)["status"] == "cancelled"
    require_sound(machine)


def test_the_canary_can_be_found(machine: Machine, client: Client):
    """The search is not blind: a canary put into a file, and one put into the log's own files, are found."""
    stray = machine.data / "stray.txt"
    stray.write_text(f"... {machine.canary} ...")
    try:
        assert "(vi) the canary is in stray.txt" in judge(machine)
    finally:
        stray.unlink()


@pytest.mark.parametrize(
    "name", ["a\x00b", "\ud800", "x" * 1_000_000, "\u202eright to left", "1e400", "[" * 5000]
)
def test_no_text_poisons_the_log(machine: Machine, client: Client, name: str):
    """Odd text is refused or recorded; the next event still appends and reads."""
    body = {"job_name": name, "schedule": "@manual", "is_active": True, "tasks": []}
    answer = client.http.post("/jobs", content=_json(body), headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400, 413}
    fine = client.create("fine", {"type": "inline", "rows": [{"n": 1}]}, into("fine.duckdb"))
    assert client.finished(client.run(fine))["status"] == "success"
    assert (
        fetch_all(machine, "SELECT count(*) FROM log.events WHERE data::text LIKE '%\\\\u0000%'")[0][0] == 0
    )


def _json(body: dict) -> bytes:
    return json.dumps(body).encode()
