"""No form of an address leads inside: a real worker in a network where a connection to any address is noticed."""

from urllib.parse import quote, urlsplit

import pytest
from support.address_forms import HOSTS, TRICKS, URLS
from support.arena import arena, missing
from support.plugins import MANY_WAYS, MODULES, announce
from support.worker_process import DISCARD, INLINE

from orc_executor.frames import Failed, Loaded

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")

PUBLIC = "http://public.example"
SURROUNDINGS = {
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), "http://10.9.8.7:8080"),
    "AWS_ENDPOINT_URL": "http://other.example", **dict.fromkeys(("AWS_PROXY_URL", "AZURE_STORAGE_ENDPOINT", "GOOGLE_PROXY_URL"), "http://10.9.8.7:9000"),
    "NO_PROXY": "*", "AWS_PROXY_EXCLUDES": "*", "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
    "PGHOST": "10.9.8.7", "PGHOSTADDR": "10.9.8.7", "PGPORT": "5432", "PGSERVICE": "x", "PGPASSFILE": "/x", "PGSSLNEGOTIATION": "direct",
    "PGTARGETSESSIONATTRS": "standby", "LOCALDOMAIN": "listed.example",
}  # fmt: skip
"""What would lead elsewhere if anybody asked the environment."""


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with arena(tmp_path_factory.mktemp("arena")) as network:
        yield network


@pytest.fixture(scope="module")
def worker(network, tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    announce(site, MANY_WAYS)
    with network.worker(PYTHONPATH=f"{site}:{MODULES}", **SURROUNDINGS) as worker:
        yield worker


def api(url, **more):
    return {"type": "api", "url": url, **more}


def store(url):
    return {"type": "csv", "path": "s3://bucket/a", "storage": {"endpoint": url, "anonymous": True}}


WAYS = {
    "api": api,
    "redirect": lambda url: api(f"{PUBLIC}/go?to={quote(url)}"),
    "five redirects": lambda url: api(f"{PUBLIC}/hops?left=5&to={quote(url)}"),
    "link": lambda url: api(f"{PUBLIC}/next?to={quote(url)}", pagination={"type": "link_header"}),
    "parent": lambda url: api(url + "{parent.a}", parent={"url": url}),
    "file": lambda url: {"type": "csv", "path": url},
    "file by redirect": lambda url: {"type": "csv", "path": f"{PUBLIC}/go?to={quote(url)}"},
    "store": store,
    "plugin": lambda url: {"type": "ways", "do": "fetching", "url": url},
}

DIRECT = ("api", "parent", "file", "store", "plugin")


def refused(answers):
    """Return those by which an address or a port was refused."""
    return [one for one in answers if isinstance(one, Failed) and one.kind == "address_refused"]


@pytest.mark.parametrize("way", WAYS)
def test_no_form_leads_inside(worker, network, way):
    """Not by the URL itself, a redirect, a link, a parent, a file's path nor a store's endpoint: no connection is made."""
    network.noted()
    answers = {url: worker.perform(WAYS[way](url), DISCARD) for url in URLS}
    assert network.inside() == []
    # A redirect or link that names no other host leads back to the server that sent it.
    sent = [url for url in URLS if url not in TRICKS or way in DIRECT]
    assert [url for url in sent if isinstance(answers[url], Loaded)] == []
    judged = refused(answers.values())
    assert len(judged) > 60
    assert not any(answer.retryable for answer in judged)


@pytest.mark.parametrize("way", ["redirect", "file by redirect"])
def test_ten_redirects_end_before_they_are_inside(worker, network, way):
    """More than five are not followed, wherever they lead."""
    config = WAYS[way]("http://127.0.0.1/")
    word = "path" if way.startswith("file") else "url"
    config[word] = f"{PUBLIC}/hops?left=10&to={quote('http://127.0.0.1/')}"
    kind, message = worker.fail(config, DISCARD)
    assert (kind, "more than 5 redirects" in message) == ("source_refused", True)
    assert network.inside() == []


def test_no_token_server_is_inside(network):
    """Which would get the client's secret."""
    network.noted()
    auth = {"type": "oauth2_client_credentials", "client_id": "c", "client_secret": {"secret": "client"}}
    with network.worker(ORC_SECRET_CLIENT="hush", **SURROUNDINGS) as worker:
        asked = [worker.perform(api(f"{PUBLIC}/", auth={**auth, "token_url": url}), DISCARD) for url in URLS]
    assert (len(refused(asked)) > 60, [one for one in asked if not isinstance(one, Failed)]) == (True, [])
    assert network.noted()[0] == []


def test_no_database_is_inside(network):
    """A source's or a target's, however its host is spelled."""
    network.noted()
    count = 0
    secrets = {
        f"ORC_SECRET_DB{nth}": f"postgresql://u:word@{host}/d?sslmode=disable"
        for nth, host in enumerate(HOSTS)
    }
    with network.worker(**SURROUNDINGS, **secrets) as worker:
        for nth in range(len(HOSTS)):
            connection = {"secret": f"db{nth}"}
            source = {"type": "sql", "connection": connection, "query": "SELECT 1"}
            target = {"type": "postgres", "connection": connection, "table_name": "t"}
            asked = [worker.perform(source, DISCARD), worker.perform(INLINE, target)]
            assert [type(one) for one in asked] == [Failed, Failed]
            judged = len(refused(asked))
            assert judged in {0, 2}
            count += judged
    assert count > 120
    assert network.inside() == []


def test_a_database_is_reached_where_its_url_says(network):
    """At a public address and the port 5432, whatever the driver would find in the environment; at no other port."""
    secrets = {f"ORC_SECRET_AT{port}": f"postgresql://u:word@public.example:{port}/d" for port in (5432, 443)}
    with network.worker(**SURROUNDINGS, **secrets) as worker:
        source = {"type": "sql", "connection": {"secret": "at5432"}, "query": "SELECT 1"}
        assert worker.fail(source, DISCARD)[0] == "source_unavailable"
        assert network.noted()[0] == ["8.8.8.8:5432"]
        kind, message = worker.fail({**source, "connection": {"secret": "at443"}}, DISCARD)
        assert (kind, "ORC_EGRESS_PORTS" in message) == ("address_refused", True)
        assert network.noted()[0] == []


def test_a_store_is_where_the_config_says(worker, network):
    """Its vendor's own place without an `endpoint`, whatever the client would find in the environment."""
    network.noted()
    worker.perform({"type": "csv", "path": "s3://bucket/a", "storage": {"anonymous": True}}, DISCARD)
    connections, names = network.noted()
    assert (connections, set(names)) == ([], {"s3.us-east-1.amazonaws.com"})


@pytest.mark.parametrize("name", ["rebind.example", "rebind-private.example", "rebind-mixed.example"])
def test_a_name_that_changes_its_answer_leads_nowhere(worker, network, name):
    """Each connection is judged by the answer it goes to: the second page, after the name was turned, is refused."""
    network.noted()
    config = api(f"http://{name}/next?to={quote('/rows')}", pagination={"type": "link_header"})
    kind, message = worker.fail(config, DISCARD)
    assert (kind, "may not be reached" in message) == ("address_refused", True)
    connections, names = network.noted()
    assert (connections, set(names)) == (["8.8.8.8:80"], {name})


def test_public_servers_are_reached(worker, network):
    """By name, address and redirect, over IPv4 and IPv6, whatever proxies the environment names."""
    network.noted()
    hosts = ["public.example", "8.8.8.8", "134744072", "[2606:4700::7]", "six.example"]
    urls = [f"http://{host}/" for host in hosts]
    assert worker.load(api(f"{PUBLIC}/hops?left=5&to={quote('http://other.example/')}"), DISCARD) == 1
    assert [worker.load(api(url), DISCARD) for url in urls] == [1] * len(urls)
    connections, _ = network.noted()
    expected = ["8.8.8.8:80"] * 5 + ["8.8.4.4:80"] + ["8.8.8.8:80"] * 3 + ["2606:4700::7:80"] * 2
    assert connections == expected


def test_what_is_listed_is_reached_and_noticed(network):
    """The network notices what comes inside, and a listed host's metadata address stays out of reach."""
    with network.worker(ORC_EGRESS_ALLOW="loopback:80,*.listed.example,[fd12::/16]:9000") as worker:
        reached = ["127.1", "localhost", "a.listed.example:8080", "[fd12::7]:9000"]
        assert [worker.load(api(f"http://{host}/"), DISCARD) for host in reached] == [1] * 4
        refused = ["127.1:8080", "10.9.8.7", "inside.example", "met.listed.example", "[fd12::7]"]
        kinds = [worker.fail(api(f"http://{host}/"), DISCARD)[0] for host in refused]
        assert kinds == ["address_refused"] * len(refused)
    connections, _ = network.noted()
    assert {urlsplit(f"//{one}").netloc for one in connections} <= {
        "127.0.0.1:80", "::1:80", "10.9.8.7:8080", "fd12::7:9000",
    }  # fmt: skip


def test_a_closed_network_is_not_even_asked_for_names(network):
    """With ORC_EGRESS_PUBLIC=false only what is listed is reached, and no other name is looked up."""
    network.noted()
    with network.worker(ORC_EGRESS_PUBLIC="false", ORC_EGRESS_ALLOW="other.example") as worker:
        assert worker.load(api("http://other.example/"), DISCARD) == 1
        for url in (f"{PUBLIC}/", "http://8.8.8.8/"):
            kind, message = worker.fail(api(url), DISCARD)
            assert (kind, "ORC_EGRESS_PUBLIC is false" in message) == ("address_refused", True)
    connections, names = network.noted()
    assert (connections, set(names)) == (["8.8.4.4:80"], {"other.example"})
