"""Where a server leads: judged like the first URL, never from https to http, and without what is for the first server."""

import pytest
from support.certificates import tls_files
from support.web_server import web_server
from support.worker_process import DISCARD, worker_process
from support.worker_reach import reach_of, underway_of

from orc_executor.errors import AddressRefused, SourceRefused
from orc_executor.frames import LoadLimits
from orc_executor.plugins.http import JudgedClient

ROWS = 200, {"content-type": "application/json"}, b'[{"a": 1}]'
SECRET = {"secret": "token"}


def led(asked):
    """Answer `/go?to=URL` with a redirect, `/next?to=URL` with a link, all else with a row."""
    to = asked.query.get("to")
    if asked.path == "/go":
        return 307, {"location": to}, b""
    return (200, {**ROWS[1], "link": f'<{to}>; rel="next"'}, ROWS[2]) if asked.path == "/next" else ROWS


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """Serve over TLS; yields the server and its certificate."""
    certificate = tls_files(tmp_path_factory.mktemp("tls"), ["localhost"])
    with web_server(led, certificate) as server:
        yield server, certificate


@pytest.fixture
def plain():
    with web_server(led) as server:
        yield server


@pytest.fixture(scope="module")
def worker(secure, tmp_path_factory):
    environment = {
        "ORC_EGRESS_ALLOW": "loopback",
        "ORC_SECRET_TOKEN": "hush-hush",
        "SSL_CERT_FILE": str(secure[1]),
    }
    with worker_process(tmp_path_factory.mktemp("worker"), **environment) as worker:
        yield worker


@pytest.fixture
def client(tmp_path):
    """Open the client that plugins are offered; it may reach this machine."""
    underway = underway_of(reach_of(tmp_path))
    with JudgedClient(underway.reach.egress, LoadLimits(), underway.check_stop) as client:
        yield client


WAYS = {
    "redirect": lambda url, to: {"type": "api", "url": f"{url}/go?to={to}"},
    "link": lambda url, to: {
        "type": "api",
        "url": f"{url}/next?to={to}",
        "pagination": {"type": "link_header"},
    },
    "file": lambda url, to: {"type": "json", "path": f"{url}/go?to={to}"},
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_leads_from_https_to_http(worker, secure, plain, way):
    """What comes and goes there could be read and changed by everybody; from https to https it does."""
    kind, message = worker.fail(WAYS[way](secure[0].url, f"{plain.url}/rows"), DISCARD)
    assert (kind, "led from https to http" in message, plain.asked) == ("source_refused", True, [])
    assert worker.load(WAYS[way](secure[0].url, f"{secure[0].url}/rows"), DISCARD) >= 1


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer", "token": SECRET},
        {"type": "basic", "username": "u", "password": SECRET},
        {"type": "header", "name": "X-Api-Key", "value": SECRET},
        {"type": "api_key", "name": "key", "key": SECRET, "location": "query"},
    ],
)
@pytest.mark.parametrize("way", ["redirect", "link"])
def test_credentials_stay_with_their_server(worker, plain, serve, auth, way):
    """Another port is another server, on the way there by a redirect or by a link."""
    other = serve(led)
    worker.load({**WAYS[way](plain.url, f"{other.url}/rows"), "auth": auth}, DISCARD)
    (first,), (second,) = plain.asked, other.asked
    assert (sent(first, auth), sent(second, auth)) == (True, False)


def sent(asked, auth):
    """Say whether a request had the credential."""
    return "key" in asked.query or bool({"authorization", "x-api-key"} & set(asked.headers))


def test_headers_of_files_stay_with_their_server(worker, plain, serve):
    """Those with a secret; others go along."""
    other = serve(led)
    headers = {"X-Api-Key": SECRET, "X-Client": "orc"}
    worker.load({**WAYS["file"](plain.url, f"{other.url}/rows"), "storage": {"headers": headers}}, DISCARD)
    (first,), (second,) = plain.asked, other.asked
    assert [name in asked.headers for asked in (first, second) for name in ("x-api-key", "x-client")] == [
        True, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("location", ["http://0177.0.0.1/", "http://[::1", "http://user:hunter@x.example/", "file:///etc/passwd"])  # fmt: skip
@pytest.mark.parametrize("way", ["redirect", "file"])
def test_a_redirect_to_nowhere_ends_the_run_and_not_the_worker(worker, plain, way, location):
    """The server may say what it likes."""
    answer = worker.perform(WAYS[way](plain.url, location), DISCARD)
    assert (answer.kind, answer.fatal, "hunter" in answer.message) == ("source_refused", False, False)


def test_a_plugin_s_headers_stay_with_their_server(client, plain, serve):
    """All that could hold a credential, the body's type and what is asked for left out."""
    other, headers = (
        serve(led),
        {"X-Api-Key": "k", "Authorization": "Bearer t", "Cookie": "c=1", "Accept": "text/x"},
    )
    for url in (f"{plain.url}/go?to={plain.url}/same", f"{plain.url}/go?to={other.url}/other"):
        assert client.get(url, headers=headers).json() == [{"a": 1}]
    first, same, _, away = *plain.asked, *other.asked
    names = ["x-api-key", "authorization", "accept"]
    assert [[name in asked.headers for name in names] for asked in (first, same, away)] == [
        [True, True, True], [True, True, True], [False, False, True],
    ]  # fmt: skip
    assert "cookie" not in away.headers
    assert away.headers["host"] == f"127.0.0.1:{other.port}"


@pytest.mark.parametrize(
    ("to", "error", "said"),
    [
        ("http://169.254.169.254/", AddressRefused, "never allowed"),
        ("http://user:hunter@127.0.0.1/", SourceRefused, "a user or password"),
        ("file:///etc/passwd", SourceRefused, "not http or https"),
        ("http://0177.0.0.1/", SourceRefused, "no URL"),
    ],
)
def test_a_plugin_is_led_no_further_than_others(client, plain, to, error, said):
    """By a redirect, nor by the URL that it asks for itself."""
    with pytest.raises(error, match=said) as refusal:
        client.get(f"{plain.url}/go?to={to}")
    assert "hunter" not in str(refusal.value)
    if said != "no URL":
        with pytest.raises(error, match=said):
            client.get(to)


def test_a_plugin_s_redirects_end(client, serve):
    """After five, as a refusal and no fault of the plugin's."""
    server = serve(lambda asked: (302, {"location": asked.path + "x"}, b""))
    with pytest.raises(SourceRefused, match="more than 5 redirects"):
        client.get(f"{server.url}/")
    assert len(server.asked) == 6


def test_a_plugin_s_https_does_not_become_http(secure, plain, tmp_path, monkeypatch):
    """As with built-in extractors."""
    from orc_executor import egress  # noqa: PLC0415 - its cache is cleared

    monkeypatch.setenv("SSL_CERT_FILE", str(secure[1]))
    egress.tls.cache_clear()
    underway = underway_of(reach_of(tmp_path))
    try:
        with (
            JudgedClient(underway.reach.egress, LoadLimits(), underway.check_stop) as client,
            pytest.raises(SourceRefused, match="led from https to http"),
        ):
            client.get(f"{secure[0].url}/go?to={plain.url}/rows")
    finally:
        egress.tls.cache_clear()
    assert plain.asked == []
