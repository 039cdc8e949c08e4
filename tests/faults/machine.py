"""
A real stack of which every process is ours to kill, and every wire ours to cut.

    postgres, nats                     as `orc up` starts them, with its settings, users and rights
    gateway, auth                      the product's own entries
    scheduler-1, -2; executor-1 …      through `entries/`: leases of 3 s, named points, negative controls
    a proxy per process and server     all traffic goes through it
    a source                           HTTP, on the same loop as the proxies

`mend` starts again what ended, as a supervisor does; whatever waits here calls it.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from faults.history import History
from faults.points import Points
from faults.processes import children, plain, service_program
from faults.proxies import Mode, Proxy
from faults.source import Source
from support.servers import OpenNats

from orc.embedded import environment
from orc.embedded.ports import free_ports
from orc.embedded.postgres import Postgres
from orc.embedded.program import Program, spawn

T = TypeVar("T")
WAIT_SECONDS_MAX = 90.0
LOOK_SECONDS = 0.05
SERVERS = ("postgres", "nats")


class Machine:
    """One stack in one folder."""

    def __init__(
        self,
        folder: Path,
        portal: BlockingPortal,
        *,
        seed: int,
        executors: int = 3,
        schedulers: int = 2,
        breaks: tuple[str, ...] = (),
        postgres_settings: Mapping[str, str] = {},
        executor_settings: Mapping[str, str] = {},
    ) -> None:
        self.folder, self._portal = folder, portal
        self.data, self.logs, self.secrets = folder / "data", folder / "logs", folder / "secrets"
        for path in (self.data, self.logs, self.secrets):
            path.mkdir(parents=True, exist_ok=True)
        self.history = History(folder / "history.jsonl", seed)
        self.points = Points(folder / "points")
        self.canary = f"CANARY-{secrets.token_hex(16)}"
        (self.secrets / "canary").write_text(self.canary)
        self.source = Source(self.canary)
        self.executors = tuple(f"executor-{n + 1}" for n in range(executors))
        self.schedulers = tuple(f"scheduler-{n + 1}" for n in range(schedulers))
        self.services = ("gateway", "auth", *self.schedulers, *self.executors)
        ports = free_ports(3)
        self._passwords = {role: secrets.token_hex(16) for role in (*environment.ROLES, "postgres")}
        self.postgres = Postgres(
            folder / "postgres" / "data",
            port=ports[0],
            password=self._passwords["postgres"],
            settings=postgres_settings,
            sync=False,
        )
        self.nats = OpenNats(folder / "nats", port=ports[1])
        self.gateway_port = ports[2]
        self.url = f"http://127.0.0.1:{ports[2]}"
        self.breaks, self.executor_settings = breaks, dict(executor_settings)
        self.proxies: dict[tuple[str, str], Proxy] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._down: set[str] = set()
        """What shall stay dead for now."""
        self.starts: dict[str, int] = {}

    # --- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._portal.call(self.source.start)
        for name in self.services:
            for server in SERVERS:
                proxy = self.proxies[name, server] = Proxy(getattr(self, server).port)
                self._portal.call(proxy.start)
        for name in SERVERS:
            self.begin(name)
        self._wait_servers()
        done = subprocess.run(
            [sys.executable, "-m", "orc.embedded.bootstrap"],
            env={**plain(), **self._urls()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for name in self.services:
            self.begin(name)
        self.wait_ready()

    def stop(self) -> None:
        for group in (self.services, SERVERS):
            for name in group:
                if name in self.processes and self.processes[name].poll() is None:
                    self.processes[name].send_signal(signal.SIGCONT)
                    self.processes[name].send_signal(self._program(name).stop_signal)
            for name in group:
                if name in self.processes:
                    try:
                        self.processes[name].wait(20)
                    except subprocess.TimeoutExpired:
                        self.processes[name].kill()
                        self.processes[name].wait()
        for proxy in self.proxies.values():
            self._portal.call(proxy.stop)
        self._portal.call(self.source.stop)

    def begin(self, name: str) -> None:
        """Start a process; the main thread does, for the kernel ends it with the thread that started it."""
        if name in SERVERS:
            getattr(self, name).prepare()
        self._down.discard(name)
        self.starts[name] = self.starts.get(name, 0) + 1
        self.processes[name] = spawn(self._program(name), self.logs / f"{name}.log")

    def mend(self) -> None:
        """Start again what ended and should not have."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None and name not in self._down:
                self.history.write("restart", name=name, code=process.returncode)
                self.begin(name)

    # --- faults -----------------------------------------------------------------------------------------------

    def kill(self, *names: str, stay_down: bool = False) -> None:
        """SIGKILL them, all at once; Postgres with all its backends."""
        pids: list[int] = []
        for name in names:
            if stay_down:
                self._down.add(name)
            process = self.processes[name]
            if process.poll() is None:
                pids += [process.pid, *(children(process.pid) if name == "postgres" else ())]
                self.history.fault(f"kill {name.rstrip('-0123456789')}", process=name)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for name in names:
            self.processes[name].wait()

    def end(self, name: str) -> int:
        """SIGTERM a process and return its exit code; it stays down."""
        self._down.add(name)
        self.processes[name].send_signal(signal.SIGTERM)
        self.history.fault(f"term {name.rstrip('-0123456789')}", process=name)
        return self.processes[name].wait(30)

    def pause(self, pid: int, what: str) -> None:
        os.kill(pid, signal.SIGSTOP)
        self.history.fault(f"pause {what}", pid=pid)

    def resume(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)

    @contextmanager
    def wires(self, server: str, mode: Mode, names: tuple[str, ...] = ()) -> Iterator[None]:
        """Have the wires to a server in a mode; a fault that nobody felt is not noted as one."""
        chosen = [self.proxies[name, server] for name in names or self.services]
        felt = sum(proxy.touched for proxy in chosen)
        self.history.write("wires", server=server, mode=mode)
        for proxy in chosen:
            self._portal.call(proxy.set, mode)
        try:
            yield
        finally:
            for proxy in chosen:
                self._portal.call(proxy.set, "pass")
            if sum(proxy.touched for proxy in chosen) > felt:
                self.history.fault(f"{mode} {server}")

    def erase_jetstream(self) -> None:
        """Delete all that NATS stores, while it is killed."""
        shutil.rmtree(self.folder / "nats" / "jetstream")
        self.history.fault("jetstream erased")

    def copy_jetstream(self, name: str) -> Path:
        """Copy the store of the running server, files as they happen to be."""
        copy = self.folder / name
        subprocess.run(["cp", "-a", str(self.folder / "nats" / "jetstream"), str(copy)], check=False)
        return copy

    def restore_jetstream(self, copy: Path) -> None:
        shutil.rmtree(self.folder / "nats" / "jetstream")
        shutil.copytree(copy, self.folder / "nats" / "jetstream")
        self.history.fault("jetstream restored")

    def forget(self, copy: Path) -> None:
        """Delete a copy of the store."""
        shutil.rmtree(copy)

    def hold_source(self, *, on: bool) -> None:
        self._portal.call(self.source.hold, on)

    # --- waiting ----------------------------------------------------------------------------------------------

    def until(self, look: Callable[[], T | None], what: str, seconds_max: float = WAIT_SECONDS_MAX) -> T:
        """Look until something is there, keeping the processes up meanwhile."""
        deadline = time.monotonic() + seconds_max
        while not (found := look()):
            self.mend()
            assert time.monotonic() < deadline, f"waited {seconds_max:.0f} s for {what}"
            time.sleep(LOOK_SECONDS)
        return found

    def rest(self, seconds: float) -> None:
        """Let time pass: the length of a fault, never a way to wait for something."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.mend()
            time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))

    def wait_ready(self) -> None:
        self.until(lambda: self.answer("/readyz") == 200, "the gateway to be ready")

    def answer(self, path: str) -> int | None:
        try:
            return httpx.get(self.url + path, timeout=5.0, trust_env=False).status_code
        except httpx.TransportError:
            return None

    def _wait_servers(self) -> None:
        for name in SERVERS:
            server: Any = getattr(self, name)
            self.until(
                lambda s=server, n=name: s.is_ready(self.processes[n].pid) or None, f"{name} to be ready"
            )

    # --- how things are called --------------------------------------------------------------------------------

    @property
    def superuser_url(self) -> str:
        """Of the database, past all proxies."""
        return self.postgres.url("orc")

    def role_url(self, role: str) -> str:
        return self.postgres.url("orc", role, self._passwords[role])

    def _urls(self) -> dict[str, str]:
        return {
            "ORC_POSTGRES_SUPERUSER_URL": self.superuser_url,
            **{environment.database_variable(role): self.role_url(role) for role in environment.ROLES},
        }

    def _program(self, name: str) -> Program:
        return getattr(self, name).program() if name in SERVERS else service_program(self, name)


@contextmanager
def machine_running(folder: Path, *, seed: int, **more: Any) -> Iterator[Machine]:
    """Run a machine until the block ends."""
    with start_blocking_portal() as portal:
        machine = Machine(folder, portal, seed=seed, **more)
        try:
            machine.start()
            yield machine
        finally:
            machine.stop()
