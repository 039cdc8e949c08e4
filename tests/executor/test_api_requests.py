"""What an API is asked: methods, bodies, pace, and what becomes of answers that are not plainly good."""

import json
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import pytest
from support.web_server import web_server
from support.worker_process import table, worker_process

QUICK = {"retries": {"first_delay_seconds": 0}}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    environment = {"ORC_EGRESS_ALLOW": "loopback", "ORC_SECRET_KEY": 'hu"sh'}
    with worker_process(tmp_path_factory.mktemp("requests"), **environment) as worker:
        yield worker


BODY = {"query": {"since": 5, "deep": [{"key": {"secret": "key"}}, None]}, "flag": True}


def test_a_json_body_is_posted_with_its_secrets_in_place(worker):
    """At any depth; the rest is as it was written."""
    with web_server(lambda asked: [{"a": 1}]) as server:
        worker.load({"type": "api", "url": server.url, "method": "POST", "body": BODY}, table())
    (asked,) = server.asked
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert json.loads(asked.body) == {"query": {"since": 5, "deep": [{"key": 'hu"sh'}, None]}, "flag": True}


def test_a_form_is_posted(worker):
    """With a content type of the user's own where there is one."""
    body = {"q": "a&b", "n": 1.5, "on": True, "key": {"secret": "key"}, "none": None}
    config = {"type": "api", "method": "POST", "body": body, "body_type": "form"}
    with web_server(lambda asked: [{"a": 1}]) as server:
        worker.load({**config, "url": server.url}, table())
        worker.load({**config, "url": server.url, "headers": {"Content-Type": "text/x-form"}}, table())
    assert [asked.headers["content-type"] for asked in server.asked] == [
        "application/x-www-form-urlencoded", "text/x-form",
    ]  # fmt: skip
    assert parse_qs(server.asked[0].body.decode()) == {
        "q": ["a&b"],
        "n": ["1.5"],
        "on": ["true"],
        "key": ['hu"sh'],
    }


@pytest.mark.parametrize(
    ("status", "method", "size"), [(307, "POST", True), (308, "POST", True), (302, "GET", False)]
)
def test_a_redirect_keeps_method_and_body_where_it_says_so(worker, status, method, size):
    """307 and 308 do, the older ones ask for the other place."""
    answers = {"/": (status, {"location": "/there"}, b""), "/there": [{"a": 1}]}
    with web_server(lambda asked: answers[asked.path]) as server:
        worker.load({"type": "api", "url": server.url, "method": "POST", "body": {"a": 1}}, table())
    assert (server.asked[1].method, bool(server.asked[1].body)) == (method, size)


def test_a_body_with_secrets_is_sent_to_no_other_server(worker):
    """A redirect that would take it there is an error."""
    with web_server(lambda asked: [{"a": 1}]) as other:
        with web_server(lambda asked: (307, {"location": other.url}, b"")) as server:
            config = {"type": "api", "url": server.url, "method": "POST"}
            kind, message = worker.fail({**config, "body": BODY}, table())
            assert worker.load({**config, "body": {"a": 1}}, table()) == 1
        assert (kind, "another server" in message, len(other.asked)) == ("source_refused", True, 1)


def test_no_more_are_asked_for_at_once_than_the_config_says(worker):
    """Two, each of which waits for the other."""
    together, lock, now, most = threading.Barrier(2, timeout=20), threading.Lock(), 0, 0

    def answer(asked):
        nonlocal now, most
        if asked.query["page"] != "1":
            with lock:
                now, most = now + 1, max(most, now + 1)
            together.wait()
            with lock:
                now -= 1
        return {"data": [{"a": int(asked.query["page"])}], "pages": 9}

    pages = {"pagination": {"type": "page_number", "total_pages": "$.pages"}, "records": "$.data"}
    with web_server(answer) as server:
        assert worker.load({"type": "api", "url": server.url, "concurrency": 2, **pages}, table()) == 9
    assert most == 2


def test_retry_after_may_be_a_date(worker):
    """One that is over is no wait, one that is far away is left to the run's own retries."""
    for delay, kind in ((-10, None), (3600, "source_unavailable")):
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=delay), usegmt=True)
        said = iter([(429, {"retry-after": at}, b""), [{"a": 1}]])
        with web_server(lambda asked, said=said: next(said)) as server:
            answer = worker.perform({"type": "api", "url": server.url}, table())
        assert getattr(answer, "kind", None) == kind


def test_the_config_says_how_often_to_ask_again(worker):
    """Twice means one more."""
    with web_server(lambda asked: (503, {}, b"")) as server:
        retries = {"retries": {"tries_max": 2, "first_delay_seconds": 0}}
        assert worker.fail({"type": "api", "url": server.url, **retries}, table())[0] == "source_unavailable"
    assert len(server.asked) == 2


def actions(*several):
    return {"response_actions": list(several), **QUICK}


def test_a_status_may_mean_that_there_is_nothing(worker):
    """The pages end there, and what came before is loaded."""

    def answer(asked):
        page = int(asked.query["page"])
        return [{"a": page}] if page < 3 else (404, {}, b"no such page")

    config = {"pagination": {"type": "page_number"}, **actions({"status": 404, "action": "ignore"})}
    with web_server(answer) as server:
        assert worker.load({"type": "api", "url": server.url, **config}, table()) == 2


def test_a_good_status_may_hold_an_error(worker):
    """The message names the rule, not what the server said."""
    config = actions({"status": 500, "action": "ignore"}, {"content": '"error"', "action": "fail"})
    with web_server(lambda asked: {"error": "hush"}) as server:
        answer = worker.perform({"type": "api", "url": server.url, **config}, table())
    assert (answer.kind, answer.retryable) == ("source_refused", False)
    assert answer.message == f"{server.url}: HTTP 200 OK, extractor_config.response_actions[1]"


def test_an_answer_may_be_worth_another_try(worker):
    """Until the tries are over."""
    said = iter([(200, {}, b"busy"), (403, {}, b"rate limit exceeded"), [{"a": 1}]])
    config = actions(
        {"content": "busy", "action": "retry"}, {"status": 403, "content": "rate", "action": "retry"}
    )
    with web_server(lambda asked: next(said)) as server:
        assert worker.load({"type": "api", "url": server.url, **config}, table()) == 1
    with web_server(lambda asked: (403, {}, b"rate limit")) as server:
        answer = worker.perform({"type": "api", "url": server.url, **config}, table())
    assert (answer.kind, answer.retryable, len(server.asked)) == ("source_unavailable", True, 4)


def test_the_first_action_that_fits_counts(worker):
    """A later, wider one does not."""
    config = actions(
        {"status": 404, "content": "gone", "action": "fail"}, {"status": 404, "action": "ignore"}
    )
    for body, kind in ((b"gone", "source_refused"), (b"none", None)):
        with web_server(lambda asked, body=body: (404, {}, body)) as server:
            answer = worker.perform({"type": "api", "url": server.url, **config}, table("other"))
        assert getattr(answer, "kind", None) == kind
