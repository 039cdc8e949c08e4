"""The auth process, asked over NATS as the gateway asks it."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.servers import execute

from orc.embedded.ports import free_ports
from orc_events.bus import Bus
from orc_runtime.auth_messages.accounts import BOOTSTRAP, REGISTER, Account, Bootstrap, RegisterUser
from orc_runtime.auth_messages.sessions import LOG_IN, LogIn, Opened
from orc_runtime.auth_messages.trust import TRUST, Trust
from orc_runtime.auth_messages.wire import Refused, decode, encode
from orc_runtime.migrate import migrate
from orc_runtime.principal import Principal
from orc_runtime.roles import ensure_roles
from orc_runtime.settings import Secret
from orc_runtime.tokens import Verifier

REQUEST = UUID("00000000-0000-4000-8000-000000000002")
ANSWER_SECONDS_MAX = 30.0


class Process:
    """`python -m orc_auth`, and where its health is asked."""

    def __init__(self, environ: dict[str, str]) -> None:
        [port] = free_ports(1)
        self.health = f"http://127.0.0.1:{port}"
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "orc_auth"],
            env={"PATH": os.environ["PATH"], "ORC_AUTH_HEALTH_PORT": str(port), **environ},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, path: str, status: int) -> httpx.Response:
        """Ask until it answers with this status, and return the answer."""
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while time.monotonic() < deadline and self.popen.poll() is None:
            try:
                answer = httpx.get(self.health + path, trust_env=False)
            except httpx.TransportError:
                continue
            if answer.status_code == status:
                return answer
        raise AssertionError(f"no {status} from {path}")

    def stop(self) -> tuple[int, str]:
        """Tell it to stop; return its code and what it logged."""
        self.popen.terminate()
        _, logged = self.popen.communicate()
        return self.popen.returncode, logged


@contextmanager
def running(database_url: str, nats_url: str, **environ: str) -> Iterator[Process]:
    process = Process({"ORC_AUTH_DATABASE_URL": database_url, "ORC_NATS_AUTH_URL": nats_url, **environ})
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.wait()


async def ask(bus: Bus, subject: str, message: bytes, into: Any) -> Any:
    return decode(await bus.request(subject, message, timeout_seconds=ANSWER_SECONDS_MAX), into)


@pytest.fixture
async def gateway_bus(nats_server):
    bus = await Bus.connect(nats_server.urls["gateway"], name="test", wait_seconds=ANSWER_SECONDS_MAX)
    yield bus
    await bus.close()


async def test_register_and_log_in(database, nats_server, gateway_bus):
    """The reference's own example registers, logs in, and its token verifies against the published keys."""
    account = encode(RegisterUser(request_id=REQUEST, username="myuser", password=Secret("mypassword")))
    login = encode(LogIn(request_id=REQUEST, username="myuser", password=Secret("mypassword"), address="::1"))
    with running(database.url("orc_auth"), nats_server.urls["auth"]) as process:
        process.wait_for("/readyz", 200)
        registered = await ask(gateway_bus, REGISTER, account, Account | Refused)
        logged_in = await ask(gateway_bus, LOG_IN, login, Opened | Refused)
        keys = await ask(gateway_bus, TRUST, b"", Trust | Refused)
        metrics = process.wait_for("/metrics", 200).text
        code, logged = process.stop()

    user_id = registered.user_id
    assert registered.username == "myuser"
    principal = Verifier(keys).verify(logged_in.token.reveal())
    assert principal == Principal(
        subject="user:myuser", user_id=user_id, role="operator", session_id=principal.session_id
    )
    assert 'orc_auth_answers_total{kind="done",subject="orc.auth.login"} 1.0' in metrics
    assert code == 0
    assert "mypassword" not in logged


async def test_refusals(database, nats_server, gateway_bus):
    """What is refused says why in a form machines read; nonsense is no reason to fall silent."""
    with running(database.url("orc_auth"), nats_server.urls["auth"], ORC_AUTH="required") as process:
        process.wait_for("/readyz", 200)
        nonsense = await ask(gateway_bus, REGISTER, b"{", Account | Refused)
        unknown_field = await ask(gateway_bus, LOG_IN, b'{"username":"u","x":1}', Opened | Refused)
        wrong = encode(LogIn(request_id=REQUEST, username="nobody", password=Secret("p"), address="::1"))
        nobody = await ask(gateway_bus, LOG_IN, wrong, Opened | Refused)
        account = encode(RegisterUser(request_id=REQUEST, username="u", password=Secret("long enough, this")))
        closed = await ask(gateway_bus, REGISTER, account, Account | Refused)

    assert [(answer.kind, answer.code) for answer in (nonsense, unknown_field, nobody, closed)] == [
        ("invalid", "malformed"),
        ("invalid", "malformed"),
        ("unauthorized", "bad-credentials"),
        ("forbidden", "registration-closed"),
    ]


async def test_bootstrap(database, nats_server, gateway_bus, tmp_path):
    """The secret of a file makes the first admin, and is neither logged nor good for another."""
    secret = secrets.token_urlsafe(24)
    path = tmp_path / "secret"
    path.write_text(secret)
    path.chmod(0o400)
    wish = encode(
        Bootstrap(
            request_id=REQUEST,
            secret=Secret(secret),
            username="ann",
            password=Secret("a long pass phrase"),
            address="::1",
        )
    )
    again = wish.replace(str(REQUEST).encode(), str(UUID(int=7)).encode()).replace(b'"ann"', b'"eve"')
    environ = {"ORC_AUTH": "required", "ORC_BOOTSTRAP_SECRET_FILE": str(path)}
    with running(database.url("orc_auth"), nats_server.urls["auth"], **environ) as process:
        process.wait_for("/readyz", 200)
        first = await ask(gateway_bus, BOOTSTRAP, wish, Account | Refused)
        second = await ask(gateway_bus, BOOTSTRAP, again, Account | Refused)
        _, logged = process.stop()

    assert (first.username, first.role) == ("ann", "admin")
    assert (second.kind, second.code) == ("forbidden", "bootstrap-refused")
    assert secret not in logged


@pytest.mark.parametrize("secret", ["x7-y9", "change-me-please-now", "file"])
def test_does_not_start_with_a_secret_that_is_none(database, nats_server, tmp_path, secret):
    """Too short, out of an example, or in a file that everybody may read: exit code 2, and a line that says so."""
    path = tmp_path / "secret"
    path.write_text(secrets.token_urlsafe(24))
    path.chmod(0o644)
    environ = (
        {"ORC_BOOTSTRAP_SECRET_FILE": str(path)} if secret == "file" else {"ORC_BOOTSTRAP_SECRET": secret}
    )
    with running(database.url("orc_auth"), nats_server.urls["auth"], **environ) as process:
        _, logged = process.popen.communicate(timeout=ANSWER_SECONDS_MAX)
    assert process.popen.returncode == 2
    assert "orc auth cannot start:\nORC_BOOTSTRAP_SECRET" in logged
    assert secret == "file" or secret not in logged


async def test_waits_for_its_database(postgres, template_database, nats_server, gateway_bus):
    """Started before the migrations it is alive and not ready, says what it waits for, and then works."""
    name = f"late_{secrets.token_hex(4)}"
    await execute(postgres.superuser_url, f"CREATE DATABASE {name}")
    try:
        with running(postgres.url("orc_auth", name), nats_server.urls["auth"]) as process:
            waiting = process.wait_for("/readyz", 503).json()["checks"]
            process.wait_for("/livez", 200)
            await ensure_roles(postgres.superuser(name), {})
            await migrate(postgres.url("orc_migrate", name))
            process.wait_for("/readyz", 200)
            keys = await ask(gateway_bus, TRUST, b"", Trust | Refused)
    finally:
        await execute(postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")

    assert waiting["startup"] == "starting"
    assert len(keys.keys) == 1


def test_no_litestar():
    """The process stays small: it imports no web framework and nothing of the executor."""
    program = "import orc_auth.app, sys; print(sorted({'litestar', 'duckdb', 'pyarrow', 'httpx'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert output.stdout == "[]\n"
