"""Who an API sees asking: keys, passwords, tokens; that none goes elsewhere, and none is said."""

import threading
from base64 import b64decode
from urllib.parse import parse_qs

import pytest
from support.web_server import web_server
from support.worker_process import table, worker_process

from orc_domain.egress import parse_egress
from orc_domain.extract import parse_extractor
from orc_executor.extractors.api.connection import Connection
from orc_executor.extractors.api.tokens import Tokens as ApiTokens
from orc_executor.secrets import Secrets

SECRETS = {"ORC_SECRET_KEY": "hush-hush", "ORC_SECRET_USER": "me@example", "ORC_SECRET_COLON": "a:b"}
KEY, USER = {"secret": "key"}, {"secret": "user"}
OAUTH = {"type": "oauth2_client_credentials", "client_id": "id:1", "client_secret": KEY}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with worker_process(tmp_path_factory.mktemp("auth"), ORC_EGRESS_ALLOW="loopback", **SECRETS) as worker:
        yield worker


def basic(header):
    kind, _, encoded = header.partition(" ")
    return kind, b64decode(encoded).decode()


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ({"type": "bearer", "token": KEY}, "authorization", "Bearer hush-hush"),
        ({"type": "header", "name": "X-Mine", "value": KEY}, "x-mine", "hush-hush"),
        ({"type": "api_key", "key": KEY}, "x-api-key", "hush-hush"),
        ({"type": "api_key", "key": KEY, "name": "X-Other"}, "x-other", "hush-hush"),
    ],
)
def test_a_secret_in_a_header(worker, auth, name, value):
    """As each kind of auth writes it."""
    with web_server(lambda asked: [{"a": 1}]) as server:
        assert worker.load({"type": "api", "url": server.url, "auth": auth}, table()) == 1
    assert server.asked[0].headers[name] == value


@pytest.mark.parametrize(("username", "said"), [("me", "me:hush-hush"), (USER, "me@example:hush-hush")])
def test_a_user_and_a_password(worker, username, said):
    """RFC 7617."""
    auth = {"type": "basic", "username": username, "password": KEY}
    with web_server(lambda asked: [{"a": 1}]) as server:
        worker.load({"type": "api", "url": server.url, "auth": auth}, table())
    assert basic(server.asked[0].headers["authorization"]) == ("Basic", said)


def test_a_user_name_with_a_colon_cannot_be_sent(worker):
    """What follows it would be taken for the password."""
    auth = {"type": "basic", "username": {"secret": "colon"}, "password": KEY}
    with web_server(lambda asked: [{"a": 1}]) as server:
        kind, message = worker.fail({"type": "api", "url": server.url, "auth": auth}, table())
    assert (kind, "no colon" in message, server.asked) == ("secret_missing", True, [])


def test_a_key_in_the_query_is_on_every_page_and_in_no_message(worker):
    """Also where the server's own link leaves it out; on another server it is not."""
    auth = {"type": "api_key", "key": KEY, "name": "appid", "location": "query"}
    with web_server(lambda asked: {"data": [{"a": 2}]}) as other:

        def answer(asked):
            if asked.path == "/3":
                return 302, {"location": f"{other.url}/far?x=1"}, b""
            return {"data": [{"a": 1}], "next": "/2" if asked.path == "/" else "/3"}

        with web_server(answer) as server:
            config = {"type": "api", "url": server.url, "auth": auth, "records": "$.data"}
            pages = {"pagination": {"type": "next_link", "path": "$.next"}}
            assert worker.load({**config, **pages}, table()) == 3
            assert [asked.query for asked in server.asked] == [{"appid": "hush-hush"}] * 3
            assert other.asked[0].query == {"x": "1"}
    assert "hush" not in str(worker.fail({**config, **pages, "retries": {"tries_max": 1}}, table()))


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "basic", "username": "me", "password": KEY},
        {"type": "api_key", "key": KEY},
        {"type": "bearer", "token": KEY},
    ],
)
def test_what_a_server_sends_back_is_not_said(worker, auth):
    """As it was sent, or taken out of its header: encoded is not hidden."""
    for told in (lambda header: header, lambda header: header.rpartition(" ")[2]):

        def answer(asked, told=told):
            return {told(asked.headers.get("authorization") or asked.headers["x-api-key"]): 1}

        with web_server(answer) as server:
            kind, message = worker.fail({"type": "api", "url": server.url, "auth": auth}, table())
        assert kind == "wrong_shape"
        assert "***" in message
        assert server.asked[0].headers.get("authorization", "Basic hush").rpartition(" ")[2] not in message


class Tokens:
    """An OAuth server and the API that takes its tokens, at one origin."""

    def __init__(self, **more):
        self.given, self.more, self.good = 0, more, None

    def __call__(self, asked):
        if asked.path == "/token":
            self.given += 1
            self.good = f"token-{self.given}"
            return {"access_token": self.good, "token_type": "bearer", **self.more}
        if asked.headers["authorization"] != f"Bearer {self.good}":
            return 401, {}, b""
        return {"data": [{"page": int(asked.query.get("page", 1))}], "pages": 9}


@pytest.fixture
def oauth(request):
    def serve(answer, **more):
        context = web_server(answer)
        server = context.__enter__()
        request.addfinalizer(lambda: context.__exit__(None, None, None))
        auth = {**OAUTH, "token_url": f"{server.url}/token", **more}
        pages = {"type": "page_number", "total_pages": "$.pages"}
        config = {"type": "api", "url": f"{server.url}/items", "auth": auth, "records": "$.data"}
        return server, {**config, "pagination": pages}

    return serve


def test_a_token_is_fetched_once_for_all_pages(worker, oauth):
    """Client and secret in the header, each encoded as RFC 6749 says."""
    tokens = Tokens(expires_in=3600)
    server, config = oauth(tokens, scope="read all", audience="https://api")
    assert worker.load(config, table()) == 9
    assert tokens.given == 1
    asked = server.asked[0]
    assert (asked.method, basic(asked.headers["authorization"])) == ("POST", ("Basic", "id%3A1:hush-hush"))
    form = {"grant_type": ["client_credentials"], "scope": ["read all"], "audience": ["https://api"]}
    assert parse_qs(asked.body.decode()) == form


def test_client_and_secret_may_go_in_the_form(worker, oauth):
    """Some servers take no header."""
    server, config = oauth(Tokens(), send="body")
    assert worker.load(config, table()) == 9
    form = parse_qs(server.asked[0].body.decode())
    assert (form["client_id"], form["client_secret"]) == (["id:1"], ["hush-hush"])
    assert "authorization" not in server.asked[0].headers


def test_a_token_is_fetched_again_before_it_ends(worker, oauth):
    """One that has ended when it comes is used for the question at hand alone."""
    tokens = Tokens(expires_in=0)
    _, config = oauth(tokens)
    assert worker.load({**config, "concurrency": 1}, table()) == 9
    assert tokens.given == 9


def test_a_refused_token_is_fetched_again_once_for_all_who_used_it(worker, oauth):
    """Eight pages are refused together; one of them fetches, all of them go on."""
    tokens, together = Tokens(expires_in=3600), threading.Barrier(8, timeout=20)

    def answer(asked):
        if asked.path == "/items" and int(asked.query["page"]) > 1 and tokens.given == 1:
            together.wait()
            return 401, {}, b""
        return tokens(asked)

    _, config = oauth(answer)
    assert worker.load(config, table()) == 9
    assert tokens.given == 2


async def test_a_late_refusal_of_an_old_token_does_not_cost_the_new_one():
    """Who was refused first has fetched already."""
    tokens = Tokens(expires_in=3600)
    with web_server(tokens) as server:
        config = parse_extractor(
            {"type": "api", "url": server.url, "auth": {**OAUTH, "token_url": f"{server.url}/token"}}
        )
        connection = Connection(config, parse_egress(("loopback",)))
        ours = ApiTokens(config.auth, connection, config.retries, Secrets(SECRETS, None))
        old = await ours.token()
        ours.refuse(old)
        new = await ours.token()
        ours.refuse(old)
        assert (old, new, await ours.token()) == ("token-1", "token-2", "token-2")
        await connection.close()


def test_a_token_that_is_refused_twice_is_refused(worker, oauth):
    """Another would not help either."""
    tokens = Tokens()
    _, config = oauth(lambda asked: tokens(asked) if asked.path == "/token" else (401, {}, b"token-1"))
    kind, message = worker.fail(config, table())
    assert (kind, message.endswith("/items: HTTP 401 Unauthorized"), tokens.given) == (
        "source_refused",
        True,
        2,
    )


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((401, {}, b'{"error":"hush-hush"}'), "source_refused", "HTTP 401: the server gives no token"),
        ((302, {"location": "/elsewhere"}, b""), "source_refused", "HTTP 302: the server gives no token"),
        ((200, {}, b"{'access_token': 'half-a-token"), "wrong_shape", "no JSON object with an access_token"),
        ((200, {}, b'{"token":"half-a-token"}'), "wrong_shape", "no access_token that a header can hold"),
        ((200, {}, b'{"access_token":"half\\na-token"}'), "wrong_shape", "no access_token that a header"),
        ((200, {}, b'{"access_token":"half-a-token","token_type":"mac"}'), "wrong_shape", "not of the type Bearer"),
        ((200, {}, b" " * 100_000), "wrong_shape", "larger than 65536 bytes"),
        ((503, {"retry-after": "0"}, b"half-a-token"), "source_unavailable", "HTTP 503"),
    ],
)  # fmt: skip
def test_a_server_that_gives_no_token(worker, oauth, answer, kind, message):
    """The error names the token's URL, and quotes nothing of what was said."""
    server, config = oauth(lambda asked: answer)
    found, said = worker.fail(config, table())
    assert (found, message in said, said.startswith(f"{server.url}/token: ")) == (kind, True, True), said
    assert "half" not in said
    assert all(asked.path == "/token" for asked in server.asked)


def test_an_access_token_is_a_secret_too(worker, oauth):
    """A server that sends it back finds it in no message."""
    tokens = Tokens()
    _, config = oauth(
        lambda asked: tokens(asked) if asked.path == "/token" else {asked.headers["authorization"]: 1}
    )
    _, message = worker.fail(config, table())
    assert ("token-1" in message, "***" in message) == (False, True)


def test_a_token_goes_to_its_own_server_and_nowhere_else(worker, oauth):
    """A redirect elsewhere is followed without it."""
    tokens = Tokens()
    with web_server(lambda asked: {"data": [], "pages": 1}) as other:
        _, config = oauth(
            lambda asked: tokens(asked) if asked.path == "/token" else (302, {"location": other.url}, b"")
        )
        assert worker.load(config, table()) == 0
        assert "authorization" not in other.asked[0].headers
