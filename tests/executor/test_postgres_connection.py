"""Ways to a Postgres database: which are gone, which are refused, and what is said of them."""

import socket
import ssl
import threading

import pytest
from support.certificates import tls_files
from support.warehouse import CONNECTION, warehouse_worker
from support.worker_process import DISCARD, INLINE, worker_process

from orc_domain.config import SecretRef
from orc_executor.errors import SecretUnusable
from orc_executor.postgres_url import postgres_url
from orc_executor.secrets import Secrets

SQL = {"type": "sql", "connection": CONNECTION, "query": "SELECT 1 AS a"}
LOADER = {"type": "postgres", "connection": CONNECTION, "table_name": "t"}


def read(url):
    return postgres_url(SecretRef("warehouse"), Secrets({"ORC_SECRET_WAREHOUSE": url}, None))


def test_a_url_is_read():
    """With what is percent-encoded in it, and the usual port."""
    url = read("postgres://us%40er:p%2Fa:s@db.example/my%20db?sslmode=require")
    assert (url.host, url.port, url.database, url.user, url.password.reveal(), url.sslmode) == (
        "db.example", 5432, "my db", "us@er", "p/a:s", "require",
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hush@h/d", "postgresql://u:hush@h:x/d", "postgresql://u:hush@h/", "postgresql://:hush@h/d",
        "postgresql://u:hush@/d", "postgresql://u:hush@h1,h2/d", "postgresql://u:hush@h/d/e", "hush",
        "postgresql://u:hush@h/d?sslmode=prefer", "postgresql://u:hush@h/d?host=/tmp", "postgresql://u:hush@h/d#x",
        "postgresql://u:hush@h/d?sslmode=disable&sslmode=require", "postgresql://u:hush@[::1/d", "postgresql://u:hu/sh@h/d",
        "postgresql://u:hush%00@h/d",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_and_not_said_back(url):
    """Any part of it may be of the password."""
    with pytest.raises(SecretUnusable) as refusal:
        read(url)
    assert "hush" not in refusal.value.message
    assert refusal.value.message.endswith("it must be postgresql://user:password@host:5432/database")


def test_a_password_is_not_told(database, tmp_path):
    """Not even where the server sends it back."""
    url = database.url("orc_auditor")
    password = database.server.passwords["orc_auditor"]
    with warehouse_worker(tmp_path, url) as worker:
        config = {**SQL, "query": f"SELECT '{password}'::int"}
        _, message = worker.fail(config, DISCARD)
    assert password not in message
    assert "***" in message


@pytest.mark.parametrize(("extractor", "loader"), [(SQL, DISCARD), (INLINE, LOADER)])
def test_an_address_that_may_not_be_reached_is_refused(warehouse, tmp_path, extractor, loader):
    """A source's or a target's: nothing is connected to."""
    with worker_process(tmp_path, ORC_SECRET_WAREHOUSE=warehouse.url) as worker:
        kind, message = worker.fail(extractor, loader)
    assert (kind, "ORC_EGRESS_ALLOW" in message) == ("address_refused", True)


@pytest.mark.parametrize(
    ("extractor", "loader", "kind"),
    [(SQL, DISCARD, "source_unavailable"), (INLINE, LOADER, "target_unavailable")],
)
def test_a_server_that_is_not_there_may_be_tried_again(tmp_path, extractor, loader, kind):
    """Of either side."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with warehouse_worker(tmp_path, f"postgresql://u:p@127.0.0.1:{port}/d") as worker:
        answer = worker.perform(extractor, loader)
    assert (answer.kind, answer.retryable) == (kind, True)


@pytest.mark.parametrize(
    ("extractor", "loader", "kind"), [(SQL, DISCARD, "source_refused"), (INLINE, LOADER, "target_unusable")]
)
def test_a_wrong_password_is_final(database, tmp_path, extractor, loader, kind):
    """Another attempt has the same."""
    url = database.url("orc_auditor").replace(database.server.passwords["orc_auditor"], "wrong")
    with warehouse_worker(tmp_path, url) as worker:
        answer = worker.perform(extractor, loader)
    assert (answer.kind, answer.retryable) == (kind, False)


@pytest.fixture
def stranger(warehouse, database):
    """Make a role that nobody granted anything, and give its URL."""
    role = f"stranger_{database.name}"
    warehouse.run(
        f"CREATE ROLE {role} LOGIN PASSWORD 'strange'; REVOKE ALL ON DATABASE {database.name} FROM PUBLIC"
    )
    warehouse.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {database.name} TO {role}")
    yield role, f"postgresql://{role}:strange@127.0.0.1:{database.server.port}/{database.name}"
    warehouse.run(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_role_without_rights_is_told_what_to_grant(warehouse, database, stranger, tmp_path):
    """To make a table, then to make our schema; neither is left half done."""
    role, url = stranger
    with warehouse_worker(tmp_path, url) as worker:
        kind, message = worker.fail(INLINE, LOADER)
        assert (kind, "permission denied for schema public" in message) == ("target_unusable", True)
        warehouse.run(f"GRANT USAGE, CREATE ON SCHEMA public TO {role}")
        kind, message = worker.fail(INLINE, LOADER)
        assert (kind, "GRANT CREATE ON DATABASE" in message) == ("target_unusable", True)
        assert warehouse.run("SELECT to_regclass('t')") == [(None,)]
        warehouse.run(f"GRANT CREATE ON DATABASE {database.name} TO {role}")
        assert worker.load(INLINE, LOADER) == 2


def test_sslmode_require_is_never_plain_text(warehouse, tmp_path):
    """A server without TLS is not spoken to."""
    with warehouse_worker(tmp_path, warehouse.url.replace("disable", "require")) as worker:
        answer = worker.perform(SQL, DISCARD)
    assert (answer.kind, "SSL" in answer.message) == ("source_unavailable", True)


@pytest.mark.parametrize(
    ("names", "mode", "is_trusted"),
    [
        (["localhost"], "verify-full", True),
        (["elsewhere.example"], "verify-full", False),
        (["elsewhere.example"], "require", True),
    ],
)
def test_a_certificate_is_judged_by_the_name_in_the_url(tmp_path, names, mode, is_trusted):
    """Though the connection goes to an address; `require` encrypts and judges nothing."""
    certificate = tls_files(tmp_path, names)
    with tls_server(certificate) as (port, asked):
        url = f"postgresql://u:p@localhost:{port}/d?sslmode={mode}"
        with warehouse_worker(tmp_path, url, SSL_CERT_FILE=str(certificate)) as worker:
            answer = worker.perform(SQL, DISCARD)
    assert answer.kind == ("source_unavailable" if is_trusted else "source_refused"), answer
    assert ("certificate cannot be trusted" in answer.message) is not is_trusted
    assert asked == ["localhost"]


class tls_server:  # noqa: N801 - used like a function
    """Answer one SSLRequest, shake hands, hang up; tell the names that were asked for."""

    def __init__(self, certificate):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self.asked = []
        self._context.sni_callback = lambda _socket, name, _context: self.asked.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self._listener.getsockname()[1], self.asked

    def __exit__(self, *_):
        self._thread.join()
        self._listener.close()

    def _serve(self):
        client, _ = self._listener.accept()
        with client:
            client.recv(8)
            client.sendall(b"S")
            try:
                self._context.wrap_socket(client, server_side=True).close()
            except OSError:
                return
