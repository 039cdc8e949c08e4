"""The auth process, asked over NATS as the gateway asks it."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest
from support.servers import execute

from orc.embedded.ports import free_ports
from orc_events.bus import Bus
from orc_runtime import auth_messages as messages
from orc_runtime.auth_messages import (
    JWKS,
    LOG_IN,
    REGISTER,
    Keys,
    LoggedIn,
    LogIn,
    Refused,
    Registered,
    RegisterUser,
)
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
    return messages.decode(await bus.request(subject, message, timeout_seconds=ANSWER_SECONDS_MAX), into)


@pytest.fixture
async def gateway_bus(nats_server):
    bus = await Bus.connect(nats_server.urls["gateway"], name="test", wait_seconds=ANSWER_SECONDS_MAX)
    yield bus
    await bus.close()


async def test_register_and_log_in(database, nats_server, gateway_bus):
    """The reference's own example registers, logs in, and its token verifies against the published keys."""
    account = messages.encode(
        RegisterUser(request_id=REQUEST, username="myuser", password=Secret("mypassword"))
    )
    login = messages.encode(LogIn(username="myuser", password=Secret("mypassword")))
    with running(database.url("orc_auth"), nats_server.urls["auth"]) as process:
        process.wait_for("/readyz", 200)
        registered = await ask(gateway_bus, REGISTER, account, Registered | Refused)
        logged_in = await ask(gateway_bus, LOG_IN, login, LoggedIn | Refused)
        keys = await ask(gateway_bus, JWKS, b"", Keys | Refused)
        metrics = process.wait_for("/metrics", 200).text
        code, logged = process.stop()

    user_id = uuid5(REQUEST, "user")
    assert (registered.user_id, registered.username) == (user_id, "myuser")
    assert Verifier(keys.keys).verify(logged_in.token.reveal()) == Principal(
        subject="user:myuser", user_id=user_id, role="operator"
    )
    assert 'orc_auth_answers_total{kind="done",subject="orc.auth.login"} 1.0' in metrics
    assert code == 0
    assert "mypassword" not in logged


async def test_refusals(database, nats_server, gateway_bus):
    """What is refused says why in a form machines read; nonsense is no reason to fall silent."""
    with running(database.url("orc_auth"), nats_server.urls["auth"], ORC_AUTH="required") as process:
        process.wait_for("/readyz", 200)
        nonsense = await ask(gateway_bus, REGISTER, b"{", Registered | Refused)
        unknown_field = await ask(
            gateway_bus, LOG_IN, b'{"username":"u","password":"p","x":1}', LoggedIn | Refused
        )
        wrong = messages.encode(LogIn(username="nobody", password=Secret("p")))
        nobody = await ask(gateway_bus, LOG_IN, wrong, LoggedIn | Refused)
        account = messages.encode(
            RegisterUser(request_id=REQUEST, username="u", password=Secret("long enough, this"))
        )
        closed = await ask(gateway_bus, REGISTER, account, Registered | Refused)

    assert [(answer.kind, answer.code) for answer in (nonsense, unknown_field, nobody, closed)] == [
        ("invalid", "malformed"),
        ("invalid", "malformed"),
        ("unauthorized", "bad-credentials"),
        ("forbidden", "registration-closed"),
    ]


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
            keys = await ask(gateway_bus, JWKS, b"", Keys | Refused)
    finally:
        await execute(postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")

    assert waiting["startup"] == "starting"
    assert len(keys.keys) == 1


def test_no_litestar():
    """The process stays small: it imports no web framework and nothing of the executor."""
    program = "import orc_auth.app, sys; print(sorted({'litestar', 'duckdb', 'pyarrow', 'httpx'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert output.stdout == "[]\n"
