"""Numbered pages: how many are asked for at once, and what beyond the end does."""

import json
import threading

import pytest
from support.apis import api, rows
from support.worker_process import table

BY_NUMBER = {"type": "page_number", "size": 10, "size_param": "per"}


def numbered(total, size=10, beyond=None):
    """Answer pages of `size`, and beyond the last with a page that is empty, or `beyond`."""

    def answer(asked):
        first = (int(asked.query["page"]) - 1) * size
        if first >= total and beyond is not None:
            return beyond
        return rows(first + 1, min(first + size, total))

    return answer


def test_pages_are_asked_for_ahead_where_nothing_tells_the_end(worker, serve):
    """One more with each page that was there, until as many as `concurrency` wait for one another."""
    together = threading.Barrier(4, timeout=20)

    def answer(asked):
        page = int(asked.query["page"])
        # With four pages read, 5 to 8 are asked for at once, and later ones as those before them come.
        if 5 <= page <= 8:
            together.wait()
        return rows(page, page) if page <= 12 else []

    config = api(serve(answer), pagination={"type": "page_number"}, concurrency=4)
    assert worker.load(config, table()) == 12
    assert worker.rows("SELECT id FROM t") == [(number,) for number in range(1, 13)]


@pytest.mark.parametrize("beyond", [(404, {}, b"gone"), (400, {}, b""), (200, {}, b'{"other": 1}')])
def test_what_lies_beyond_the_end_is_not_looked_at(worker, serve, beyond):
    """A short page is the last, and that an API refuses the ones after it is no failure."""
    server = serve(numbered(95, beyond=beyond))
    assert worker.load(api(server, pagination=BY_NUMBER), table()) == 95
    assert len(server.asked) > 10


def test_a_refusal_before_the_end_fails_as_it_does_page_by_page(worker, serve):
    """Where every page is full, the next one is needed to know the end."""
    server = serve(numbered(30, beyond=(404, {}, b"")))
    assert worker.fail(api(server, pagination=BY_NUMBER), table())[0] == "source_refused"
    ignoring = api(server, pagination=BY_NUMBER, response_actions=[{"status": 404, "action": "ignore"}])
    assert worker.load(ignoring, table()) == 30


@pytest.mark.parametrize(("pages", "questions_max"), [(1, 1), (2, 3), (3, 5)])
def test_no_more_are_asked_for_beyond_the_end_than_there_are(worker, serve, pages, questions_max):
    """A short list costs few questions too many."""
    server = serve(numbered(pages * 10 - 1))
    assert worker.load(api(server, pagination=BY_NUMBER), table()) == pages * 10 - 1
    assert len(server.asked) <= questions_max


def test_a_post_is_never_asked_too_often(worker, serve):
    """It may do something; so pages go one after another, their numbers in the body."""
    asked = []

    def answer(request):
        body = json.loads(request.body)
        asked.append(body)
        return rows(body["page"], body["page"]) if body["page"] <= 5 else []

    config = api(serve(answer), method="POST", body={"q": "x"}, pagination={"type": "page_number"})
    assert worker.load(config, table()) == 5
    assert asked == [{"q": "x", "page": page} for page in range(1, 7)]


def test_one_at_a_time_where_the_config_says_so(worker, serve):
    """Nothing is asked for that is not needed."""
    server = serve(numbered(35))
    assert worker.load(api(server, pagination=BY_NUMBER, concurrency=1), table()) == 35
    assert [int(asked.query["page"]) for asked in server.asked] == [1, 2, 3, 4]


@pytest.mark.parametrize("page", [2, 6])
@pytest.mark.parametrize("extra", [{}, {"total_pages": "$.pages"}])
def test_a_page_that_repeats_is_an_error(worker, serve, page, extra):
    """Whether or not the number of pages is told."""

    def answer(asked):
        number = min(int(asked.query["page"]), page - 1)
        return {"data": rows(number, number), "pages": 9}

    config = api(serve(answer), records="$.data", pagination={"type": "page_number", **extra})
    kind, message = worker.fail(config, table())
    assert (kind, message) == (
        "wrong_shape",
        f"page {page} is the same as page {page - 1}: the API ignores which one is asked for",
    )


def test_empty_pages_between_others_do_not_repeat(worker, serve):
    """Where the number of pages is told, one without records is as good as any."""

    def answer(asked):
        page = int(asked.query["page"])
        return {"data": rows(page, page) if page in {1, 4} else [], "pages": 4}

    pagination = {"type": "page_number", "total_pages": "$.pages"}
    assert worker.load(api(serve(answer), records="$.data", pagination=pagination), table()) == 2


def test_as_many_pages_as_allowed_are_enough(worker, serve):
    """Only a record beyond them is too much."""
    pagination = {"type": "page_number", "pages_max": 3}
    assert worker.load(api(serve(numbered(30)), pagination=pagination), table()) == 30
    assert worker.fail(api(serve(numbered(31)), pagination=pagination), table()) == (
        "wrong_shape",
        "there are more than 3 pages (pages_max)",
    )


def test_more_pages_than_allowed_are_not_begun_where_the_total_tells(worker, serve):
    """One question is enough to know."""
    server = serve(lambda asked: {"data": rows(1, 1), "pages": 4})
    pagination = {"type": "page_number", "total_pages": "$.pages", "pages_max": 3}
    kind, message = worker.fail(api(server, records="$.data", pagination=pagination), table())
    assert (kind, message, len(server.asked)) == (
        "wrong_shape", "there are more than 3 pages (pages_max)", 1,
    )  # fmt: skip


def test_an_offset_that_leaps_over_records_is_noticed(worker, serve):
    """An API gives fewer records a page than `limit` asks for: the rest would be left out and nobody told."""

    def answer(asked):
        first = int(asked.query["offset"])
        return {"data": rows(first + 1, min(first + 50, 120)), "total": 120}

    def config(limit):
        pagination = {"type": "offset", "limit": limit, "total": "$.total"}
        return api(serve(answer), records="$.data", pagination=pagination)

    kind, message = worker.fail(config(100), table())
    assert (kind, "page 1 has 50 records where limit asks for 100 of 120" in message) == ("wrong_shape", True)
    assert worker.load(config(50), table()) == 120


@pytest.mark.parametrize("total", ["many", -1, True, 1.5, {}])
def test_a_total_that_is_no_count_is_an_error(worker, serve, total):
    """Named by its path."""
    server = serve(lambda asked: {"data": rows(1, 1), "pages": total})
    pagination = {"type": "page_number", "total_pages": "$.pages"}
    kind, message = worker.fail(api(server, records="$.data", pagination=pagination), table())
    assert (kind, message) == ("wrong_shape", "page 1: at $.pages is no count")
