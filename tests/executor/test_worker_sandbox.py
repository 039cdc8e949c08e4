"""What a worker cannot do any more once it has confined itself, whatever runs in it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.plugins import announce
from support.worker_process import DISCARD, INLINE, WORKER, table, worker_process

from orc_executor import landlock, sandbox, seccomp
from orc_executor.child import OFFLINE
from orc_executor.offline import needs_network
from orc_executor.worker_settings import WorkerSettings
from orc_runtime.settings import SettingsError

needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not seccomp.is_supported(), reason="this kernel has no seccomp")
HARMLESS = (
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "perf_event_open", "mount", "umount2", "chroot",
    "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "setns", "open_by_handle_at", "mknodat", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "bpf", "userfaultfd", "keyctl", "add_key", "init_module", "finit_module", "quotactl",
)  # fmt: skip
"""Calls that fail in any case when they are given nonsense. Others would do harm where they are not refused: none is tried."""
CONFINE = """
import sys
from pathlib import Path
from orc_executor.sandbox import confine, limit_resources
from orc_executor.worker_settings import WorkerSettings
settings = WorkerSettings(
    data_dir=Path(sys.argv[1]), file_roots=(Path(sys.argv[1] + "-root"),), worker_sandbox=sys.argv[2],
    worker_file_bytes_max=2**30,
)
limit_resources(settings)
confine(settings, offline=sys.argv[3] == "offline")
def attempt(what):
    try:
        print(what() or "done")
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.fixture
def data(tmp_path):
    for name in ("data/.scratch", "data-root", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "outside/x").write_text("canary")
    (tmp_path / "data-root/x").write_text("fine")
    return tmp_path / "data"


def tried(data, *attempts, mode="auto", network="online"):
    """Return what came of each attempt of a process that has confined itself as a worker does."""
    script = CONFINE + "\n".join(f"attempt(lambda: {attempt})" for attempt in attempts)
    done = subprocess.run(
        [sys.executable, "-c", script, str(data), mode, network], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@needs_landlock
def test_files_are_those_of_jobs_and_of_the_interpreter(data):
    """Data can be read and written, roots read; nothing else of others, nor a way around by a link or a rename."""
    outside, root = data.parent / "outside", data.parent / "data-root"
    (data / "link").symlink_to(outside)
    attempts = (
        f"open({str(root / 'x')!r}).read()", f"open({str(data / 'new')!r}, 'w').write('x') and None",
        f"open({str(root / 'new')!r}, 'w')", f"open({str(outside / 'x')!r})", f"open({str(data / 'link/x')!r})",
        f"open({str(outside / 'new')!r}, 'w')", f"__import__('os').truncate({str(outside / 'x')!r}, 0)",
        f"__import__('os').rename({str(outside / 'x')!r}, {str(data / 'x')!r})",
        f"__import__('os').link({str(outside / 'x')!r}, {str(data / 'x')!r})",
        f"__import__('os').listdir({str(outside)!r})", "open('/etc/shadow')", f"open('/proc/{os.getpid()}/environ')",
        "__import__('zoneinfo').ZoneInfo('Europe/Paris') and None", "open('/dev/null', 'w') and None",
    )  # fmt: skip
    refused = ["PermissionError"] * 10
    # The kernel says of a link across its list that the two are far apart.
    refused[6] = "OSError"
    assert tried(data, *attempts) == ["fine", "done", *refused, "done", "done"]
    assert tried(data, f"open({str(outside / 'x')!r}).read()", mode="off") == ["canary"]
    assert (outside / "x").read_text() == "canary"


@needs_seccomp
def test_no_process_is_touched_or_started(data):
    """Neither programs nor children, nor the memory of others, nor the kernel's odder doors; threads are fine."""
    call = "(lambda libc: libc.syscall(%d, -1, -1, -1, -1, -1) and __import__('ctypes').get_errno())(__import__('ctypes').CDLL(None, use_errno=True))"
    column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    refused = [seccomp._REFUSED[name][column] for name in HARMLESS]
    found = tried(
        data,
        "__import__('subprocess').run(['true'])",
        "__import__('os').fork()",
        "__import__('threading').Thread(target=int).start()",
        *(call % number for number in refused),
    )
    assert found == ["PermissionError", "PermissionError", "done", *["1"] * len(refused)]


@needs_seccomp
def test_offline_there_is_no_socket(data):
    """No family, no pair: a listener hears nothing, though online it does."""
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(30)
        port = canary.getsockname()[1]
        connect = f"__import__('socket').create_connection(('127.0.0.1', {port})) and None"
        families = [
            f"__import__('socket').socket({family}, {kind}) and None"
            for family in (1, 2, 10, 16, 17)
            for kind in (1, 2)
        ]
        found = tried(data, connect, *families, "__import__('socket').socketpair()", network="offline")
        assert found == ["PermissionError"] * (len(families) + 2)
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):
            canary.accept()
        assert tried(data, connect) == ["done"]
        canary.setblocking(True)
        canary.accept()[0].close()


@needs_seccomp
def test_a_real_offline_worker_has_none_either(tmp_path):
    """A plugin that gets into one cannot reach a listener; in another worker it can."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/caller.py").write_text(CALLER)
    announce(tmp_path / "site", {"orc.extractors": {"caller": "caller:Caller"}})
    (tmp_path / "data").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        config = {"type": "caller", "port": canary.getsockname()[1]}
        path = os.pathsep.join([str(tmp_path / "site"), *filter(None, sys.path)])
        with worker_process(tmp_path / "data", (*WORKER, OFFLINE), PYTHONPATH=path) as worker:
            assert "PermissionError" in worker.fail(config, DISCARD)[1]
            assert worker.load(INLINE, table()) == 2
        with pytest.raises(BlockingIOError):
            canary.accept()
        with worker_process(tmp_path / "data", PYTHONPATH=path) as worker:
            assert worker.load(config, DISCARD) == 1
        canary.accept()[0].close()


CALLER = '''
import socket
from orc_executor.plugins import ExtractorConfig, SourceRefused


class CallerConfig(ExtractorConfig, frozen=True, tag="caller"):
    """Which port."""

    port: int
    """Of this machine."""


class Caller:
    config = CallerConfig

    def batches(self, config, context):
        try:
            socket.create_connection(("127.0.0.1", config.port)).close()
        except OSError as error:
            raise SourceRefused(type(error).__name__) from error
        yield [{"a": 1}]
'''


def test_limits(data):
    """No core, no file too long, files enough to hold each of a task's open."""
    limit = "__import__('resource').getrlimit(__import__('resource').%s)[0]"
    found = tried(data, limit % "RLIMIT_CORE", limit % "RLIMIT_FSIZE", limit % "RLIMIT_NOFILE")
    assert (found[:2], int(found[2]) >= 1024) == (["done", str(2**30)], True)
    long = f"__import__('os').truncate({str(data / 'long')!r}, 2**31)"
    assert tried(data, f"open({str(data / 'long')!r}, 'w').close()", long) == ["done", "OSError"]


@pytest.mark.parametrize("missing", ["landlock", "seccomp"])
def test_what_is_required_and_not_there(monkeypatch, missing):
    """Where the kernel lacks one, `auto` makes do, `required` says what it lacks, `off` asks for nothing."""
    if missing == "landlock":
        monkeypatch.setattr(landlock, "abi", lambda: 0)
    else:
        monkeypatch.setattr(seccomp, "is_supported", lambda: False)
    found = sandbox.walls_of(WorkerSettings(data_dir=Path()))
    assert missing in found.missing
    with pytest.raises(
        SettingsError, match=f"ORC_WORKER_SANDBOX is required, and this kernel has no .*{missing}"
    ):
        sandbox.walls_of(WorkerSettings(data_dir=Path(), worker_sandbox="required"))
    assert sandbox.walls_of(WorkerSettings(data_dir=Path(), worker_sandbox="off")).missing == [
        "landlock",
        "seccomp",
    ]


@needs_landlock
def test_a_folder_made_anew_is_another_workers(tmp_path):
    """A worker that may not touch what has the folder's name now says so and ends; the next attempt gets another."""
    (tmp_path / "data").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    with worker_process(tmp_path / "data", ORC_FILE_ROOTS=str(root)) as worker:
        root.rename(tmp_path / "old")
        root.mkdir()
        (root / "x.csv").write_text("a\n1\n")
        answer = worker.perform({"type": "csv", "path": "x.csv"}, DISCARD)
        assert (answer.kind, answer.retryable, answer.fatal) == ("worker_died", True, True)


@pytest.mark.parametrize(
    ("extractor", "loader", "needs"),
    [
        ({"type": "csv", "path": "a.csv"}, table(), False),
        ({"type": "json", "path": ["a.json", "b.json"]}, {"type": "parquet", "path": "p"}, False),
        (INLINE, DISCARD, False),
        ({"type": "csv", "path": ["a.csv", "HTTPS://h/a.csv"]}, table(), True),
        ({"type": "csv", "path": "s3://b/a.csv"}, table(), True),
        ({"type": "parquet", "path": "a", "storage": {"anonymous": True}}, table(), True),
        ({"type": "csv"}, table(), True),
        ({"type": "api", "url": "https://h"}, table(), True),
        ({"type": "my-plugin"}, DISCARD, True),
        (INLINE, {"type": "postgres"}, True),
        (INLINE, {"type": "my-plugin"}, True),
    ],
)
def test_which_tasks_are_offline(extractor, loader, needs):
    """Only what is known to need no network has none."""
    assert needs_network(extractor, loader) is needs
