"""
`orc up`: Postgres, NATS and the four services, as processes of one home.

    lock the home → Postgres and NATS → database, roles, migrations → services → ready → until told to stop

With ORC_DATABASE_URL and ORC_NATS_URL set, somebody else runs the first two and only the services are started.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from orc.embedded import environment
from orc.embedded.errors import PortTaken, SettingsWrong, StartFailed
from orc.embedded.home import Home
from orc.embedded.nats import USERS, Nats
from orc.embedded.ports import LOOPBACK, becomes_free
from orc.embedded.postgres import Postgres
from orc.embedded.program import Program
from orc.embedded.supervisor import Child, Supervisor

DATABASE = "orc"
PORT = 8080
PORT_MAX = 65_535
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what a person may choose, compared here
PROBE_SECONDS_MAX = 2.0
BOOTSTRAP_SECONDS_MAX = 120.0
LOG_CHECK_SECONDS = 30.0


class _Asked(Exception):
    """We were asked to stop: not an error, but how a TaskGroup is told to end."""


class Stack:
    """All processes of one home; made from the environment `orc up` was given."""

    def __init__(self, home: Home, environ: Mapping[str, str]) -> None:
        """Choose ports and passwords, or take over those of the last start; the home must be locked."""
        self._home = home
        self._environ = environ
        self.host = environ.get("ORC_HOST") or LOOPBACK
        self.port = _gateway_port(home, environ, self.host)
        self._servers: list[Child] = []
        self._urls = self._external() if environment.is_external(environ) else self._embedded()
        self._health = home.ports(f"{name}-health" for name in environment.SERVICES if name != "gateway")
        self._services = [self._service(name) for name in environment.SERVICES]

    @property
    def url(self) -> str:
        """Where a client on this machine finds the gateway."""
        host = self._reachable_host()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def run(self) -> None:
        """Start all, say when all are ready, end all when asked to; raises StartFailed."""
        asked = asyncio.Event()
        # A script's shell starts what it puts into the background with SIGINT ignored; one sent to us is meant all the same.
        handled = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        # Started by nohup, we are meant to outlive the terminal.
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            handled.remove(signal.SIGHUP)
        for number in handled:
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        supervisor = Supervisor(self._home)
        try:
            async with asyncio.TaskGroup() as duties:
                duties.create_task(self._start(supervisor, duties))
                duties.create_task(self._cap_logs())
                duties.create_task(_until(asked))
        except* _Asked:
            pass
        finally:
            # Services first: they finish what they hold while the log is still there.
            await supervisor.stop(self._services)
            await supervisor.stop(self._servers)
            self._home.clear_pids()

    async def _start(self, supervisor: Supervisor, duties: asyncio.TaskGroup) -> None:
        for children, then in ((self._servers, self._bootstrap), (self._services, self._announce)):
            for child in children:
                duties.create_task(supervisor.keep(child))
            await asyncio.gather(*(supervisor.until_ready(child) for child in children))
            await then()

    async def _bootstrap(self) -> None:
        """Make the database in a process of its own: what that imports would stay in our memory."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orc.embedded.bootstrap"),
            env=environment.bootstrap_environment(self._environ, self._urls),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(BOOTSTRAP_SECONDS_MAX):
                output, _ = await process.communicate()
        except BaseException:
            process.kill()
            raise
        log = self._home.log("migrate")
        with log.open("ab") as file:
            file.write(output)
        if process.returncode != 0:
            raise StartFailed(
                "the database could not be migrated", log, output.decode(errors="replace").strip()
            )

    async def _announce(self) -> None:
        print(f"ready {self.url}", flush=True)

    async def _cap_logs(self) -> None:
        while True:
            await asyncio.to_thread(self._home.cap_logs)
            await asyncio.sleep(LOG_CHECK_SECONDS)

    def _embedded(self) -> dict[str, str]:
        ports = self._home.ports(("postgres", "nats"))
        passwords = self._home.passwords((*environment.ROLES, "postgres"))
        users = self._home.passwords(f"nats-{user}" for user in USERS)
        programs = self._environ.get("ORC_POSTGRES_BIN")
        postgres = Postgres(
            self._home.postgres,
            port=ports["postgres"],
            password=passwords["postgres"],
            programs=Path(programs) if programs else None,
        )
        nats = Nats(
            self._home.nats,
            port=ports["nats"],
            passwords={user.removeprefix("nats-"): password for user, password in users.items()},
            sync_always=self._environ.get("ORC_NATS_SYNC_ALWAYS", "").lower() in {"1", "true", "yes"},
        )
        self._servers = [
            Child("postgres", postgres.program, prepare=postgres.prepare, ready=postgres.is_ready),
            Child("nats", nats.program, prepare=nats.prepare, ready=nats.is_ready),
        ]
        return {
            "ORC_POSTGRES_SUPERUSER_URL": postgres.url(DATABASE),
            **{
                environment.database_variable(role): postgres.url(DATABASE, role, passwords[role])
                for role in environment.ROLES
            },
            # For a person; each service is given its own.
            "ORC_NATS_URL": nats.url("auditor"),
            **{f"ORC_NATS_{user.upper()}_URL": nats.url(user) for user in USERS},
        }

    def _external(self) -> dict[str, str]:
        return environment.external_urls(self._environ, self._home.passwords(environment.ROLES))

    def _service(self, name: str) -> Child:
        health = self.port if name == "gateway" else self._health[f"{name}-health"]
        own = (
            {"ORC_PORT": str(health)}
            if name == "gateway"
            else {f"ORC_{name.upper()}_HEALTH_PORT": str(health)}
        )
        program = Program(
            name=name,
            argv=(sys.executable, "-m", f"orc_{name}"),
            environment=environment.service_environment(name, self._environ, self._urls, self._defaults())
            | own,
        )
        host = self._reachable_host() if name == "gateway" else LOOPBACK
        return Child(name, lambda: program, ready=lambda _pid: answers_ready(host, health))

    def _reachable_host(self) -> str:
        return LOOPBACK if self.host in WILDCARDS else self.host

    def _defaults(self) -> dict[str, str]:
        return {
            "ORC_HOME": str(self._home.path),
            "ORC_HOST": self.host,
            "ORC_DATA_DIR": str(self._home.data),
            "ORC_FILE_ROOTS": str(Path.cwd()),
            # It holds every password and key of the stack, and may well be in the folder that jobs read from.
            "ORC_FILE_ROOTS_EXCEPT": str(self._home.path),
            "ORC_SECRETS_DIR": str(self._home.secrets),
            "ORC_MASTER_KEY_FILE": str(self._home.master_key),
            "ORC_AUTH": "optional",
            "ORC_EGRESS_ALLOW": "loopback",
        }

    def write_env(self) -> None:
        """Write down where everything is, for a person and for the other commands."""
        self._home.write_env({**self._urls, "ORC_URL": self.url, "ORC_HOME": str(self._home.path)})


async def _until(asked: asyncio.Event) -> None:
    await asked.wait()
    raise _Asked


def answers_ready(host: str, port: int) -> bool:
    """Say whether a service calls itself ready."""
    connection = HTTPConnection(host, port, timeout=PROBE_SECONDS_MAX)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - as in HTTP
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _gateway_port(home: Home, environ: Mapping[str, str], host: str) -> int:
    given = environ.get("ORC_PORT") or str(PORT)
    if not given.isdecimal() or int(given) > PORT_MAX:
        raise SettingsWrong(f"ORC_PORT is {given!r}: a port is a number from 0 to {PORT_MAX}")
    if int(given) == 0:
        return home.ports(["gateway"])["gateway"]
    if not becomes_free(int(given), host, home.patience_seconds):
        raise PortTaken(host, int(given))
    return int(given)
