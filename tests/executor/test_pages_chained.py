"""Chained pages: cursors and links, wherever they stand, and what the first answer tells of them."""

import json

import pytest
from support.apis import api, rows
from support.worker_process import table

from orc_executor.extractors.api.link_header import parse_links

LAST = 5


def chained(told, param="cursor"):
    """Answer pages of one record, and what `told` says of the next one."""

    def answer(asked):
        page = int(asked.query.get(param, 1))
        headers, body = told(page + 1) if page < LAST else ({}, {})
        return 200, headers, {"data": rows(page, page), **body}

    return answer


def nested(names, value):
    for name in reversed(names.split("/")):
        value = {name: value}
    return value


AUTO = {
    **{
        names: (lambda page, names=names: ({}, nested(names, f"/items?cursor={page}")), "cursor")
        for names in (
            "next", "next_url", "nextLink", "links/next", "links/next/href", "_links/next/href", "paging/next",
            "paging/next/link", "pagination/next_url", "meta/next", "@odata.nextLink", "info/next",
        )
    },
    **{
        names: (lambda page, names=names: ({}, nested(names, str(page))), param)
        for names, param in (
            ("next_cursor", "cursor"), ("response_metadata/next_cursor", "cursor"), ("nextPageToken", "pageToken"),
            ("next_page_token", "page_token"),
        )
    },
    "Link header": (lambda page: ({"link": f'<?cursor={page}>; rel="last next"'}, {"next": "?cursor=99"}), "cursor"),
}  # fmt: skip


@pytest.mark.parametrize(("told", "param"), AUTO.values(), ids=AUTO.keys())
def test_the_usual_words_are_understood(worker, serve, told, param):
    """A Link header before all, a next link, a cursor whose parameter has one usual name."""
    config = api(serve(chained(told, param)), records="$.data", pagination={"type": "auto"})
    assert worker.load(config, table()) == LAST
    assert worker.rows("SELECT id FROM t") == [(number,) for number in range(1, LAST + 1)]


@pytest.mark.parametrize(
    "hint", [{"total": 50}, {"pages": 5}, {"next": 2}, {"next": None}, {"next": "abc"}, {"links": []}, {"next_token": "x"}]
)  # fmt: skip
def test_what_is_not_understood_is_one_answer(worker, serve, hint):
    """A count tells no way to the next page, a bare number or word is no link, and nothing is guessed."""
    server = serve(lambda asked: {"data": rows(1, 2), **hint})
    assert worker.load(api(server, records="$.data", pagination={"type": "auto"}), table()) == 2
    assert len(server.asked) == 1


def test_an_answer_that_is_an_array_has_links_in_its_header_alone(worker, serve):
    """There is no other place."""

    def answer(asked):
        page = int(asked.query.get("page", 1))
        return 200, {"link": f"<?page={page + 1}>; rel=next"} if page < LAST else {}, rows(page, page)

    assert worker.load(api(serve(answer), pagination={"type": "auto"}), table()) == LAST


def test_any_relation_of_the_link_header_can_be_followed(worker, serve):
    """Not only next."""
    told = chained(lambda page: ({"link": f'<?cursor=9>; rel="next", <?cursor={page}>; rel="Older"'}, {}))
    config = api(serve(told), records="$.data", pagination={"type": "link_header", "rel": "older"})
    assert worker.load(config, table()) == LAST


@pytest.mark.parametrize("cursor", ["two", 17, 17.5])
def test_with_post_a_cursor_goes_into_the_body(worker, serve, cursor):
    """As the answer had it; the rest of the body stays."""
    bodies = []

    def answer(asked):
        bodies.append(json.loads(asked.body))
        return {"data": rows(1, 1), "next": cursor if len(bodies) == 1 else None}

    pagination = {"type": "cursor", "cursor_path": "$.next", "cursor_param": "after"}
    server = serve(answer)
    config = api(server, records="$.data", method="POST", body={"q": ["x"]}, pagination=pagination)
    assert worker.load(config, table()) == 2
    assert bodies == [{"q": ["x"]}, {"q": ["x"], "after": cursor}]
    assert all(asked.method == "POST" and asked.query == {} for asked in server.asked)


@pytest.mark.parametrize("end", [None, "", 0, False])
def test_a_cursor_ends_where_there_is_none(worker, serve, end):
    """Absent, null, empty, 0 or false."""
    server = serve(lambda asked: {"data": rows(1, 1), "next": end})
    pagination = {"type": "cursor", "cursor_path": "$.next"}
    assert worker.load(api(server, records="$.data", pagination=pagination), table()) == 1


@pytest.mark.parametrize("cursor", [True, {}, ["a"]])
def test_a_cursor_is_a_text_or_a_number(worker, serve, cursor):
    """Anything else is an error that names the path."""
    server = serve(lambda asked: {"data": rows(1, 1), "next": cursor})
    pagination = {"type": "cursor", "cursor_path": "$.next"}
    kind, message = worker.fail(api(server, records="$.data", pagination=pagination), table())
    assert (kind, message) == ("wrong_shape", "page 1: at $.next is neither a text nor a number")


CIRCLES = {
    "cursor": ({"type": "cursor", "cursor_path": "$.next"}, {}),
    "next_link": ({"type": "next_link", "path": "$.link"}, {}),
    "link_header": ({"type": "link_header"}, {}),
    "auto": ({"type": "auto"}, {}),
    "cursor in a body": ({"type": "cursor", "cursor_path": "$.next"}, {"method": "POST", "body": {"q": 1}}),
}


@pytest.mark.parametrize(("pagination", "more"), CIRCLES.values(), ids=CIRCLES.keys())
def test_a_circle_of_any_length_is_noticed(worker, serve, pagination, more):
    """When the API leads back to what was asked before, three pages ago too."""

    def answer(asked):
        body = json.loads(asked.body or b"{}")
        page = int(body.get("cursor") or asked.query.get("cursor") or 1)
        after = page + 1 if page < 4 else 2
        link = f"/items?cursor={after}"
        return (
            200,
            {"link": f"<{link}>; rel=next"},
            {"data": rows(page, page), "next": str(after), "link": link},
        )

    server = serve(answer)
    kind, message = worker.fail(api(server, records="$.data", pagination=pagination, **more), table())
    assert (kind, message) == ("wrong_shape", "page 4 leads back to page 2: the pages never end")
    assert len(server.asked) == 4


@pytest.mark.parametrize("pages_max", [LAST - 1, LAST])
def test_a_chain_is_no_longer_than_allowed(worker, serve, pages_max):
    """As many pages as allowed are loaded, one more and nothing is."""
    config = api(
        serve(chained(lambda page: ({}, {"next": f"?cursor={page}"}))),
        records="$.data",
        pagination={"type": "next_link", "path": "$.next", "pages_max": pages_max},
    )
    if pages_max == LAST:
        assert worker.load(config, table()) == LAST
    else:
        assert worker.fail(config, table()) == (
            "wrong_shape", f"there are more than {pages_max} pages (pages_max)",
        )  # fmt: skip


def test_an_ignored_answer_ends_the_chain(worker, serve):
    """It has no records and no next page."""

    def answer(asked):
        return (410, {}, b"") if "cursor" in asked.query else {"data": rows(1, 1), "next": "gone"}

    pagination = {"type": "cursor", "cursor_path": "$.next"}
    actions = [{"status": 410, "action": "ignore"}]
    config = api(serve(answer), records="$.data", pagination=pagination, response_actions=actions)
    assert worker.load(config, table()) == 1


def test_a_link_header_is_read_as_rfc_8288_writes_it():
    """Several relations, quotes, commas and semicolons inside a target, any case, the first one counts."""
    assert parse_links('<a;b=1,c>; rel=next; title="x, <y>; rel=no", <d>;REL="Prev last" , <e>; rel="next"') == {
        "next": "a;b=1,c", "prev": "d", "last": "d",
    }  # fmt: skip
    assert parse_links("") == parse_links("nonsense; rel=next") == parse_links("<a>") == {}
