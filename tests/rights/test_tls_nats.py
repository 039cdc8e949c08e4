"""TLS to NATS by setting: a real nats-server, certificates of a CA made here."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from support.servers import OpenNats, running
from support.tls import Authority

from orc.embedded.ports import free_ports
from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_runtime.settings import ServiceSettings, read_settings, setting
from orc_runtime.tls import TlsWrong, check_tls, nats_context

WAIT_SECONDS = 2.0


class SampleSettings(ServiceSettings, frozen=True, kw_only=True):
    SERVICE: ClassVar[str] = "sample"
    size: Annotated[int, setting("Anything.")] = 1


def tls_nats(folder: Path, certificate: tuple[Path, Path], client_ca: Path | None = None) -> OpenNats:
    """Make the server of `orc up` with TLS, as an operator's would have it."""
    server = OpenNats(folder, port=free_ports(1)[0])
    server.tls = {"cert_file": str(certificate[0]), "key_file": str(certificate[1])}
    if client_ca is not None:
        server.tls |= {"ca_file": str(client_ca), "verify": True}
    return server


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def server(tmp_path_factory, authority) -> Iterator[OpenNats]:
    """Run a server whose certificate is for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls-nats")
    server = tls_nats(folder / "nats", authority.issue("127.0.0.1"))
    with running(server, folder / "nats.log"):
        yield server


def settings(url: str, **files: object) -> SampleSettings:
    given = {f"ORC_NATS_{name.upper()}_FILE": str(path) for name, path in files.items()}
    return read_settings(
        SampleSettings, {"ORC_NATS_URL": url, "ORC_DATABASE_URL": "postgresql://h/d", **given}
    )


async def connect(given: SampleSettings) -> Bus:
    return await Bus.connect(
        given.nats_url.reveal(), name="test", tls=nats_context(given), wait_seconds=WAIT_SECONDS
    )


@pytest.mark.parametrize("scheme", ["nats", "tls"])
async def test_trusted(server, authority, scheme):
    """With the CA of the server's certificate both schemes connect, encrypted."""
    bus = await connect(settings(server.url().replace("nats", scheme, 1), ca=authority.file))
    try:
        assert bus.connection._transport._io_writer.get_extra_info("cipher") is not None
        await bus.flush()
    finally:
        await bus.close()


async def test_other_authority(server, stranger):
    """A certificate of another CA is refused, and the error says that it could not be verified."""
    with pytest.raises(BusUnavailable, match=r"certificate verify failed"):
        await connect(settings(server.url(), ca=stranger.file))


async def test_other_name(server, authority):
    """A certificate for another name than the URL's is refused, and the error names the name."""
    url = server.url().replace("127.0.0.1", "localhost")
    with pytest.raises(BusUnavailable, match=r"not valid for 'localhost'"):
        await connect(settings(url, ca=authority.file))


async def test_system_authorities(server):
    """`tls://` without a CA file trusts what the system trusts, which a CA made here is not."""
    with pytest.raises(BusUnavailable, match=r"certificate verify failed"):
        await connect(settings(server.url().replace("nats", "tls", 1)))


async def test_server_without_tls(nats_server, authority):
    """A server that would go on in clear is refused when TLS was asked for, in either way."""
    url = nats_server.urls["operator"]
    for given in (settings(url, ca=authority.file), settings(url.replace("nats", "tls", 1))):
        with pytest.raises(BusUnavailable, match="speaks no TLS"):
            await connect(given)


@contextmanager
def impostor() -> Iterator[tuple[int, list[bytes]]]:
    """Greet as a NATS server without TLS does, and keep what is said to us."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(
                            b'INFO {"server_id":"x","version":"2.15.1","max_payload":1024}\r\n'
                        )
                        heard.append(connection.recv(4096))
            except OSError:
                return

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


async def test_no_password_in_clear(authority):
    """Whoever greets in the server's place without TLS is told nothing: no name, no password."""
    with impostor() as (port, heard):
        with pytest.raises(BusUnavailable):
            await connect(settings(f"nats://gateway:hunter2@127.0.0.1:{port}", ca=authority.file))
        assert heard
        assert set(heard) == {b""}


async def test_client_certificates(tmp_path, authority, stranger):
    """A server that asks for one takes a client with a certificate of its CA and refuses one without or of another."""
    server = tls_nats(tmp_path / "nats", authority.issue("127.0.0.1"), client_ca=authority.file)
    certificate, key = authority.issue("gateway")
    with running(server, tmp_path / "nats.log"):
        bus = await connect(settings(server.url(), ca=authority.file, cert=certificate, key=key))
        await bus.close()
        other_certificate, other_key = stranger.issue("gateway")
        for files in ({}, {"cert": other_certificate, "key": other_key}):
            with pytest.raises(BusUnavailable):
                await connect(settings(server.url(), ca=authority.file, **files))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"ca": "absent.pem"}, r"ORC_NATS_CA_FILE: \S+absent.pem cannot be read: No such file"),
        ({"ca": "junk.pem"}, r"ORC_NATS_CA_FILE: \S+junk.pem holds no certificate"),
        ({"cert": "absent.pem"}, r"ORC_NATS_CERT_FILE: \S+absent.pem cannot be read"),
        ({"cert": "junk.pem"}, r"ORC_NATS_CERT_FILE: \S+junk.pem and its key"),
        ({"key": "junk.pem"}, r"ORC_NATS_KEY_FILE: set without ORC_NATS_CERT_FILE"),
    ],
)
def test_wrong_files(tmp_path, files, told):
    """A file that cannot be used is a fault of the settings that names the variable and the file."""
    (tmp_path / "junk.pem").write_text("no certificate")
    given = settings("nats://h", **{name: tmp_path / file for name, file in files.items()})
    with pytest.raises(TlsWrong, match=told):
        check_tls(given)


def test_key_of_another_certificate(authority):
    """A key that does not belong to the certificate is said before anybody is spoken to."""
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")
    with pytest.raises(TlsWrong, match="ORC_NATS_CERT_FILE"):
        check_tls(settings("nats://h", cert=certificate, key=key))
