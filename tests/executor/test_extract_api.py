"""Records of HTTP APIs: pages, patience, limits, secrets."""

import gzip
import json
import threading

import pytest
from support.web_server import web_server
from support.worker_process import DISCARD, order, table, worker_process

from orc_executor.frames import LoadLimits, Stop, Stopped

TOKEN = {"type": "bearer", "token": {"secret": "token"}}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    environment = {"ORC_EGRESS_ALLOW": "loopback", "ORC_SECRET_TOKEN": "hush-hush", "ORC_SECRET_BAD": "a\nb"}
    with worker_process(tmp_path_factory.mktemp("api"), **environment) as worker:
        yield worker


@pytest.fixture
def serve(request):
    """Serve what a function answers, until the test ends."""

    def serve(answer):
        context = web_server(answer)
        server = context.__enter__()
        request.addfinalizer(lambda: context.__exit__(None, None, None))
        return server

    return serve


def api(server, path="/items", **more):
    return {"type": "api", "url": f"{server.url}{path}", **more}


def rows(first, last):
    return [{"id": number} for number in range(first, last + 1)]


def test_the_answer_itself_may_be_the_records(worker, serve):
    """New keys and other types far down count for the whole column; nested values keep their shape."""
    records = [{"id": 1, "v": 1}] * 30_000 + [{"id": 2, "v": 1.5, "late": {"x": [1]}}]
    server = serve(lambda asked: records)
    answer = worker.perform(api(server, params={"q": "a b", "n": 3, "on": True}), table())
    assert (answer.result.rows, answer.result.bytes) == (30_001, len(json.dumps(records)))
    assert worker.rows("SELECT v, late.x FROM t WHERE id = 2") == [(1.5, [1])]
    assert server.asked[0].query == {"q": "a b", "n": "3", "on": "true"}


PAGES = {
    "page_number": {"type": "page_number", "size_param": "per", "size": 10},
    "page_number with a total": {"type": "page_number", "total_pages": "$.pages"},
    "offset": {"type": "offset", "limit": 10},
    "offset with a total": {"type": "offset", "limit": 10, "total": "$.total"},
    "cursor": {"type": "cursor", "cursor_path": "$.next"},
    "next link in the answer": {"type": "next_link", "path": "$.link"},
    "next link in a header": {"type": "next_link"},
}


@pytest.mark.parametrize("pagination", PAGES.values(), ids=PAGES.keys())
def test_every_page_is_loaded_once_and_in_order(worker, serve, pagination):
    """Whichever way an API tells what comes next."""
    total = 95

    def answer(asked):
        query = asked.query
        first = int(query.get("cursor") or query.get("offset") or (int(query.get("page", 1)) - 1) * 10)
        last = min(first + 10, total)
        more = last < total
        body = {"data": rows(first + 1, last), "pages": 10, "total": total, "next": last if more else None,
                "link": f"/items?cursor={last}" if more else ""}  # fmt: skip
        return 200, {"link": f'<?cursor={last}>; rel="next"'} if more else {}, body

    server = serve(answer)
    assert worker.load(api(server, records="$.data", pagination=pagination), table()) == total
    assert worker.rows("SELECT id FROM t") == [(number,) for number in range(1, total + 1)]
    # Where nothing tells the end, a few are asked for beyond it.
    assert 10 <= len(server.asked) < 18


def test_pages_whose_number_is_known_are_fetched_several_at_once(worker, serve):
    """No more than eight; the first one tells how many there are, each of the rest waits for seven more."""
    together = threading.Barrier(8, timeout=20)

    def answer(asked):
        page = int(asked.query["page"])
        if page > 1:
            together.wait()
        return {"data": rows(page, page), "pages": 17}

    pagination = {"type": "page_number", "total_pages": "$.pages"}
    assert worker.load(api(serve(answer), records="$.data", pagination=pagination), table()) == 17
    assert worker.rows("SELECT id FROM t") == [(number,) for number in range(1, 18)]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_may_pass_is_tried_again(worker, serve, status):
    """The server's own wait is kept to; then it answers."""
    said = iter([(status, {"retry-after": "0"}, b"busy"), rows(1, 2)])
    server = serve(lambda asked: next(said))
    assert worker.load(api(server), table()) == 2
    assert len(server.asked) == 2


def test_a_server_that_keeps_failing_is_unavailable(worker, serve):
    """The run may be tried again; nothing was loaded."""
    server = serve(lambda asked: (500, {"retry-after": "0"}, b""))
    answer = worker.perform(api(server, path="/items?x=1"), table())
    assert (answer.kind, answer.retryable) == ("source_unavailable", True)
    assert answer.message == f"{server.url}/items: HTTP 500 Internal Server Error"
    assert len(server.asked) == 4


def test_a_server_that_asks_for_a_long_wait_is_left_to_the_runs_own_retries(worker, serve):
    """A worker does not sleep for minutes."""
    server = serve(lambda asked: (429, {"retry-after": "120"}, b""))
    assert worker.fail(api(server), table())[0] == "source_unavailable"
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 304])
def test_a_refusal_is_not_tried_again(worker, serve, status):
    """Asking a second time would not help."""
    server = serve(lambda asked: (status, {}, b""))
    kind, message = worker.fail(api(server), table())
    assert (kind, f"HTTP {status}" in message) == ("source_refused", True)
    assert len(server.asked) == 1


def test_another_shape_names_the_page_and_leaves_the_table(worker, serve):
    """The third page has no records where the others have."""
    worker.load({"type": "inline", "rows": [{"before": 1}]}, table())
    server = serve(
        lambda asked: (
            {"data": rows(int(asked.query["page"]), 5)} if asked.query["page"] != "3" else {"oops": 1}
        )
    )
    kind, message = worker.fail(api(server, records="$.data", pagination={"type": "page_number"}), table())
    assert kind == "wrong_shape"
    assert message == (
        f"{server.url}/items, page 3: there is nothing at $.data: the answer is an object with oops"
    )
    assert worker.rows() == [(1,)]


@pytest.mark.parametrize(
    ("pagination", "message"),
    [
        ({"type": "cursor", "cursor_path": "$.next"}, "page 2 leads back to page 2: the pages never end"),
        ({"type": "page_number"}, "page 2 is the same as page 1: the API ignores which one is asked for"),
        ({"type": "next_link", "path": "$.link"}, "page 1 leads back to page 1: the pages never end"),
    ],
)
def test_pages_that_go_in_a_circle_are_noticed(worker, serve, pagination, message):
    """Instead of loading the same rows for ever."""
    server = serve(lambda asked: {"data": rows(1, 3), "next": "x", "link": "/items"})
    assert worker.fail(api(server, records="$.data", pagination=pagination), table()) == (
        "wrong_shape",
        message,
    )


def test_more_pages_than_allowed_are_not_half_loaded(worker, serve):
    """The run fails rather than stop in the middle."""
    server = serve(lambda asked: {"data": rows(int(asked.query["page"]), 99)})
    pagination = {"type": "page_number", "pages_max": 3}
    assert worker.fail(api(server, records="$.data", pagination=pagination), table()) == (
        "wrong_shape",
        "there are more than 3 pages (pages_max)",
    )


def test_an_answer_has_a_size_limit_after_decompression(worker, serve):
    """Gzip is read, and a bomb of it ends the run."""
    body = gzip.compress(json.dumps(rows(1, 1000)).encode())
    server = serve(lambda asked: (200, {"content-encoding": "gzip"}, body))
    assert worker.load(api(server), table()) == 1000
    small = LoadLimits(page_bytes_max=1000)
    kind, message = worker.fail(api(server), table(), limits=small)
    assert (kind, "larger than 1000 bytes" in message) == ("wrong_shape", True)


def test_no_records_are_no_rows(worker, serve):
    """An empty answer is an answer."""
    assert worker.load(api(serve(lambda asked: [])), table("none")) == 0
    assert worker.load(api(serve(lambda asked: [])), DISCARD) == 0


def test_a_secret_goes_to_its_own_server_and_nowhere_else(worker, serve):
    """In a header and a parameter; after a redirect to another origin it is left out, on the same it stays."""
    other = serve(lambda asked: rows(1, 1))
    answers = {
        "/items": (302, {"location": "/moved"}, b""),
        "/moved": (307, {"location": f"{other.url}/far"}, b""),
    }
    own = serve(lambda asked: answers[asked.path])
    headers = {"X-Api-Key": {"secret": "token"}, "X-Plain": "1"}
    assert worker.load(api(own, auth=TOKEN, headers=headers, params={"k": {"secret": "token"}}), table()) == 1
    assert [asked.headers["authorization"] for asked in own.asked] == ["Bearer hush-hush"] * 2
    assert own.asked[1].headers["x-api-key"] == "hush-hush"
    assert own.asked[0].query == {"k": "hush-hush"}
    (far,) = other.asked
    assert ("authorization" in far.headers, "x-api-key" in far.headers, far.headers["x-plain"]) == (
        False,
        False,
        "1",
    )


def test_no_error_says_a_secret(worker, serve):
    """Whatever the server does with it: a key of the answer, a reason phrase, a redirect that holds it."""
    worker.load(api(serve(lambda asked: rows(1, 1)), auth=TOKEN), table())
    for answer in (
        lambda asked: {asked.headers["authorization"]: 1},
        lambda asked: (302, {"location": "ftp://hush-hush/"}, b""),
        lambda asked: (302, {"location": "http://hush-hush.invalid/"}, b""),
    ):
        _, message = worker.fail(api(serve(answer), auth=TOKEN), table())
        assert "hush" not in message


@pytest.mark.parametrize(("name", "reason"), [("gone", "ORC_SECRET_GONE"), ("bad", "that a header cannot")])
def test_a_secret_that_is_missing_or_cannot_be_sent(worker, serve, name, reason):
    """Said before anything is asked, and without the value."""
    server = serve(lambda asked: rows(1, 1))
    kind, message = worker.fail(api(server, auth={"type": "bearer", "token": {"secret": name}}), table())
    assert (kind, reason in message, server.asked) == ("secret_missing", True, [])


def test_a_redirect_is_judged_like_the_first_address(worker, serve):
    """Metadata addresses are refused on every way there; loops end."""
    inward = serve(lambda asked: (302, {"location": "http://169.254.169.254/latest/meta-data"}, b""))
    kind, message = worker.fail(api(inward), table())
    assert (kind, "169.254.169.254" in message) == ("address_refused", True)
    circle = serve(lambda asked: (302, {"location": "/items"}, b""))
    assert worker.fail(api(circle), table())[0] == "source_refused"
    assert len(circle.asked) == 6


def test_a_private_address_is_refused_where_it_is_not_allowed(tmp_path, serve):
    """The default of a deployment; the run fails naming the setting."""
    server = serve(lambda asked: rows(1, 1))
    with worker_process(tmp_path) as strict:
        kind, message = strict.fail(api(server), table())
    assert (kind, "ORC_EGRESS_ALLOW" in message, server.asked) == ("address_refused", True, [])


def test_a_server_that_is_not_there_is_unavailable(worker, serve):
    """Refused connections may pass."""
    answer = worker.perform({"type": "api", "url": "http://127.0.0.1:1/"}, table())
    assert (answer.kind, answer.retryable) == ("source_unavailable", True)


def test_a_stop_ends_a_fetch(worker, serve):
    """In the middle of an answer that does not come."""
    reached, go_on = threading.Event(), threading.Event()

    def answer(asked):
        reached.set()
        go_on.wait(30)
        return rows(1, 1)

    worker.say(order(api(serve(answer)), table()))
    assert reached.wait(20)
    worker.say(Stop())
    assert worker.answer() == Stopped()
    go_on.set()
    assert worker.load({"type": "inline", "rows": [{"a": 1}]}, table()) == 1


def test_a_broken_record_is_told_with_its_place(worker, serve):
    """DuckDB finds what was passed on unread."""
    server = serve(lambda asked: (200, {}, b'[{"a":1},{"a":2,"a":3}]'))
    kind, message = worker.fail(api(server), table())
    assert (kind, message.startswith(f"the answer of {server.url}/items")) == ("wrong_shape", True)
