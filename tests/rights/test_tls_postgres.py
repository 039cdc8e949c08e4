"""
TLS to Postgres by its URL, with certificates of a CA made here.

The wheel's Postgres has no TLS: a front speaks it in its place. Where the machine has a build with TLS, that one is
tried as well (ORC_TLS_POSTGRES_BIN, or pg_config's).
"""

import secrets
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest
from msgspec import Struct
from support.rest import Rest
from support.servers import OpenNats, execute, running
from support.stack import stack_running
from support.tls import Authority, postgres_front, server_context
from support.tls_postgres import tls_build, tls_postgres

from orc.embedded.ports import free_ports
from orc_runtime.database import connect
from orc_runtime.migrate import main
from orc_runtime.roles import ensure_roles
from orc_runtime.settings import SettingsError
from orc_runtime.tls import check_postgres

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


class Served(Struct, frozen=True):
    """A Postgres that speaks TLS, with a certificate for 127.0.0.1."""

    superuser: str
    """URL without settings of TLS."""

    def url(self, host: str = "127.0.0.1", **settings: object) -> str:
        query = "&".join(f"{name}={value}" for name, value in settings.items())
        return f"{self.superuser.replace('127.0.0.1', host)}?{query}"


@pytest.fixture(scope="module")
def built_with_tls(authority) -> Iterator[Served]:
    """Run a server of a build with TLS, which asks nobody for a certificate but the user `certified`."""
    build = tls_build()
    if build is None:
        pytest.skip("no Postgres with TLS on this machine")
    certificate, key = authority.issue("127.0.0.1")
    files = {"ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": authority.file}
    with tls_postgres(build, files, "hunter2") as port:
        yield Served(f"postgresql://postgres:hunter2@127.0.0.1:{port}/postgres")


@pytest.fixture
async def fronted(authority, postgres) -> AsyncIterator[Served]:
    """Have TLS spoken before the wheel's server."""
    credentials = postgres.superuser_url.partition("@")[0]
    async with postgres_front(postgres.port, server_context(*authority.issue("127.0.0.1"))) as port:
        yield Served(f"{credentials}@127.0.0.1:{port}/postgres")


@pytest.fixture(params=["fronted", "built_with_tls"])
def served(request) -> Served:
    return request.getfixturevalue(request.param)


async def ask(url: str) -> str:
    async with connect(url, application_name="test", command_timeout=5) as connection:
        assert connection._transport.get_extra_info("cipher") is not None
        return await connection.fetchval("SELECT current_user::text")


async def test_trusted(served, authority):
    """With the CA of the server's certificate a verified connection works, encrypted."""
    url = served.url(sslmode="verify-full", sslrootcert=authority.file)
    assert await ask(url) == "postgres"


async def test_other_authority(served, stranger):
    """A certificate of another CA is refused, and the error says why."""
    with pytest.raises(OSError, match="certificate verify failed"):
        await ask(served.url(sslmode="verify-full", sslrootcert=stranger.file))


async def test_other_name(served, authority):
    """A certificate for another name than the URL's is refused, and the error names it."""
    with pytest.raises(OSError, match="not valid for 'localhost'"):
        await ask(served.url("localhost", sslmode="verify-full", sslrootcert=authority.file))


async def test_server_without_tls(postgres, authority):
    """A server that speaks no TLS is refused when the URL asks for it."""
    url = postgres.superuser_url.replace(
        "sslmode=disable", f"sslmode=verify-full&sslrootcert={authority.file}"
    )
    with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
        await ask(url)


async def test_client_certificates(built_with_tls, authority, stranger):
    """A client's certificate of the server's CA is its password; without one, or by another CA, it is refused."""
    trust = {"sslmode": "verify-full", "sslrootcert": authority.file}
    await execute(built_with_tls.url(**trust), "CREATE ROLE certified LOGIN")
    certified = Served(built_with_tls.superuser.replace("postgres:hunter2", "certified"))
    names = ("sslcert", "sslkey")
    own = dict(zip(names, authority.issue("certified"), strict=True))
    assert await ask(certified.url(**trust, **own)) == "certified"
    for other in ({}, dict(zip(names, stranger.issue("certified"), strict=True))):
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await ask(certified.url(**trust, **other))


async def test_nothing_in_clear(built_with_tls):
    """A server that takes TLS alone lets nobody in without; asyncpg says so."""
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await ask(built_with_tls.url(sslmode="disable"))


async def test_migration(postgres, template_database, authority, stranger, capsys):
    """The migration connects by TLS, and by a CA that is not the server's it does not connect at all."""
    name = f"tls_{secrets.token_hex(4)}"
    await execute(postgres.superuser_url, f"CREATE DATABASE {name}")
    certificate, key = authority.issue("127.0.0.1")
    async with postgres_front(postgres.port, server_context(certificate, key)) as port:
        for issuer in (stranger, authority):
            environ = {
                variable: url.replace(f":{postgres.port}", f":{port}").replace(
                    "sslmode=disable", f"sslmode=verify-full&sslrootcert={issuer.file}"
                )
                for variable, url in {
                    "ORC_DATABASE_URL": postgres.url("orc_migrate", name),
                    "ORC_POSTGRES_SUPERUSER_URL": postgres.superuser(name),
                }.items()
            }
            if issuer is stranger:
                with pytest.raises(OSError, match="certificate verify failed"):
                    await main(environ)
            else:
                assert await main(environ) == 0
    await execute(postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_migration_with_a_wrong_file(capsys):
    """A file that is not there is told by name, with the code of wrong settings."""
    url = "postgresql://orc_migrate:x@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/no/such/ca.pem"
    assert await main({"ORC_DATABASE_URL": url}) == 2
    assert (
        "sslrootcert in a URL of Postgres: /no/such/ca.pem cannot be read: No such file"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sslmode=verifyfull", "sslmode in a URL of Postgres: 'verifyfull' is none of disable, allow"),
        (
            "sslmode=verify-full&sslrootcert=/dev/null",
            "sslrootcert in a URL of Postgres: /dev/null holds no certificate",
        ),
        ("sslcert=/dev/null", "sslcert in a URL of Postgres: /dev/null and its key do not go together"),
        ("sslkey=/no/key", "sslkey in a URL of Postgres: /no/key cannot be read"),
    ],
)
def test_wrong_urls(query, told):
    """What cannot be used is told by its name in the URL, without the URL, which holds a password."""
    with pytest.raises(SettingsError) as raised:
        check_postgres(f"postgresql://orc_auth:hunter2@h/d?{query}")
    assert told in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.usefixtures("roles_kept")
def test_whole_stack(postgres, portal, authority, tmp_path):
    """`orc up` on servers elsewhere, both by TLS alone: database and roles are made, and a job runs to its end."""
    certificate = authority.issue("127.0.0.1")
    nats = OpenNats(tmp_path / "nats", port=free_ports(1)[0])
    nats.tls = {"cert_file": str(certificate[0]), "key_file": str(certificate[1])}
    front = portal.wrap_async_context_manager(postgres_front(postgres.port, server_context(*certificate)))
    credentials = postgres.superuser_url.partition("@")[0]
    name = f"stack_{secrets.token_hex(4)}"
    with running(nats, tmp_path / "nats.log"), front as port:
        tls = f"sslmode=verify-full&sslrootcert={authority.file}"
        settings = {
            "ORC_DATABASE_URL": f"{credentials}@127.0.0.1:{port}/{name}?{tls}",
            "ORC_NATS_URL": nats.url().replace("nats", "tls", 1),
            "ORC_NATS_CA_FILE": str(authority.file),
        }
        with stack_running(tmp_path / "home", **settings) as stack:
            assert httpx.get(f"{stack.url}/readyz", trust_env=False).status_code == 200
            rest = Rest(stack.url)
            assert rest.finished(rest.run(rest.create_job("tls", TASK)))["status"] == "success"
    portal.call(execute, postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def roles_kept(postgres, portal):
    """Give the roles their passwords back: a stack gives the whole server's new ones."""
    yield
    portal.call(ensure_roles, postgres.superuser_url, postgres.passwords)


TASK = {
    "extractor_config": {"type": "inline", "rows": [{"n": 1}]},
    "loader_config": {"type": "discard"},
}
