"""The services under the constraints of their manifests: without rights, without a root to write, without a way out."""

import asyncio
import errno
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace
from support import pods, proc
from support.pods import Network, Pod
from support.rest import Rest, into, task, until
from support.servers import running

from orc.cluster import secret
from orc.embedded.postgres import FAST_AND_FORGETFUL, Postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not pods.possible(), reason="needs root, namespaces and setpriv"),
]
SERVICES = ("gateway", "auth", "scheduler", "executor")
OPEN_PORT = 8090
"""Of a second gateway, open to everybody on loopback: to give work without meddling with identity."""


class PostgresWithin:
    """A Postgres in a network of its own."""

    def __init__(self, server: Postgres, net: Network) -> None:
        self.server, self.net = server, net

    def prepare(self):
        self.server.prepare()

    def program(self):
        program = self.server.program()
        uid, gid = program.user
        rights = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--pdeathsig", "INT")
        return replace(program, argv=(*self.net.enter, *rights, *program.argv), user=None)

    def is_ready(self, pid):
        return self.server.is_ready(pid)


class Cluster(Struct, frozen=True):
    """Everything that runs, in one network."""

    net: Network
    pods: dict[str, Pod]
    processes: dict[str, subprocess.Popen]

    def pids(self, name: str) -> list[int]:
        return proc.family(self.processes[name].pid)

    def get(self, port: int, path: str) -> int | None:
        """Return the status of an answer, None while there is none."""
        url = f"http://127.0.0.1:{port}{path}"
        try:
            return self.net.within(lambda: httpx.get(url, trust_env=False)).status_code
        except httpx.TransportError:
            return None

    def is_well(self, port: int, path: str) -> bool | None:
        return True if self.get(port, path) == 200 else None

    def start(self, name: str, *command: str, pod: str | None = None, **environment: str) -> subprocess.Popen:
        self.processes[name] = self.pods[pod or name].start(self.net, [*command], environment)
        return self.processes[name]

    def end(self) -> None:
        for process in reversed(self.processes.values()):
            process.kill()
            process.wait()


@contextmanager
def cluster_running(folder: Path) -> Iterator[Cluster]:
    held = pods.values(secret("orc"))
    with pods.network() as net:
        server = Postgres(
            folder / "postgres",
            port=5432,
            password=held["POSTGRES_PASSWORD"],
            settings=FAST_AND_FORGETFUL,
            sync=False,
        )
        with running(PostgresWithin(server, net), folder / "postgres.log"):
            net.within(lambda: asyncio.run(create_database(server.url())))
            every = {name: Pod(name, folder, held) for name in ("nats", "migrate", *SERVICES)}
            cluster = Cluster(net, every, {})
            try:
                yield cluster
            finally:
                cluster.end()


async def create_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE orc")
    await connection.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """Start all that the manifests start, in their order, with the Secret that a cluster makes for itself."""
    with cluster_running(tmp_path_factory.mktemp("cluster")) as running_here:
        container = running_here.pods["nats"].container
        running_here.start("nats", "nats-server", *container["args"])
        until(lambda: running_here.is_well(8222, "/healthz"), "nats to be healthy")
        migrate = running_here.pods["migrate"]
        done = running_here.start("migrate", *migrate.container["command"]).wait(120)
        assert done == 0, (migrate.folder / "log").read_text()
        for name in SERVICES:
            running_here.start(name, "python", "-m", f"orc_{name}")
        running_here.start(
            "open", "python", "-m", "orc_gateway", pod="gateway",
            ORC_AUTH="optional", ORC_HOST="127.0.0.1", ORC_PORT=str(OPEN_PORT),
        )  # fmt: skip
        for port in [*(min(running_here.pods[name].ports) for name in SERVICES), OPEN_PORT]:
            until(lambda port=port: running_here.is_well(port, "/readyz"), f"port {port} to be ready")
        yield running_here


def load(cluster: Cluster) -> str:
    """Run a job to its end and return its status."""
    rest = Rest(f"http://127.0.0.1:{OPEN_PORT}")
    rows = {"type": "inline", "rows": [{"code": "EUR"}, {"code": "CHF"}]}
    job = rest.create_job("in a pod", task(rows, into("pods.duckdb", "codes")))
    return rest.finished(rest.run(job))["status"]


def test_services_work_as_their_manifests_run_them(cluster):
    """Ready, closed to strangers, and a load goes through a worker into the volume: nothing else need be writable."""
    assert cluster.get(8080, "/jobs") == 401
    assert cluster.net.within(lambda: load(cluster)) == "success"
    assert (cluster.pods["executor"].folder / "data" / "pods.duckdb").exists()


@pytest.mark.parametrize("name", [*SERVICES, "nats"])
def test_no_process_has_a_right_or_can_gain_one(cluster, name):
    """Each process of a pod, workers included, is the manifest's user, without capabilities, and cannot get any."""
    user = cluster.pods[name].user
    for pid in cluster.pids(name):
        said = proc.status(pid)
        assert said["Uid"].split() == said["Gid"].split() == [str(user)] * 4
        assert said["Groups"] == ""
        assert said["NoNewPrivs"] == "1"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(said[kind], 16) == 0, kind


@pytest.mark.parametrize("name", [*SERVICES, "nats"])
def test_nothing_is_writable_but_the_volumes(cluster, name):
    """What a process finds writable are its manifest's volumes, and not even root could write beside them."""
    pid = cluster.processes[name].pid
    volumes = {
        mount["mountPath"]
        for mount in cluster.pods[name].container["volumeMounts"]
        if not mount.get("readOnly")
    }
    assert proc.writable_mounts(pid) == volumes | {"/dev/shm"}
    with pytest.raises(OSError, match="Read-only") as refused:
        Path(f"/proc/{pid}", "root", "opt-written").write_text("x")
    assert refused.value.errno == errno.EROFS


@pytest.mark.parametrize("name", SERVICES)
def test_services_listen_where_the_manifest_says_and_speak_to_postgres_and_nats(cluster, name):
    """Of each process: it listens on the container's ports, and has connections to the two servers alone."""
    cluster.net.within(lambda: load(cluster))
    held = {each for pid in cluster.pids(name) for each in proc.sockets(pid)}
    ports = cluster.pods[name].ports
    assert {each.local_port for each in held if each.state == proc.LISTEN} == ports
    outward = {each for each in held if each.state != proc.LISTEN and each.local_port not in ports}
    assert {each.peer_port for each in outward} == {5432, 4222}
    assert {each.protocol for each in outward} == {"tcp"}


def test_nothing_phones_home(cluster):
    """From start to load nothing was to be sent anywhere but to each other: no name was asked for, no address tried."""
    cluster.net.within(lambda: load(cluster))
    assert cluster.net.refused() == 0


def test_a_call_home_would_be_counted():
    """In such a network the kernel counts each try, of either kind: what the test above rests on."""
    with pods.network() as net:

        def attempt() -> None:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as one, pytest.raises(OSError, match="unreachable"):
                    one.connect((pods.NOWHERE, 53))

        assert net.refused() == 0
        net.within(attempt)
        assert net.refused() == 2


@pytest.mark.parametrize("name", SERVICES)
def test_services_end_when_they_are_asked_to(cluster, name):
    """As process 1 would get it, SIGTERM ends a service with 0 and leaves none of its children."""
    process = cluster.processes[name]
    family = cluster.pids(name)
    process.send_signal(signal.SIGTERM)
    assert process.wait(cluster.pods[name].spec["terminationGracePeriodSeconds"]) == 0
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
