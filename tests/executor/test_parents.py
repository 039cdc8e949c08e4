"""Children asked for once for each record of a parent."""

import json
import threading

import pytest
from support.apis import api, rows
from support.worker_process import order, table

from orc_executor.frames import Stop, Stopped


def family(server, path="/parents/{parent.id}/children", parent=None, **more):
    return api(server, path, parent={"url": f"{server.url}/parents", **(parent or {})}, **more)


def answering(parents, children):
    """Answer the parents' records at /parents, elsewhere what a function says."""
    return lambda asked: parents if asked.path == "/parents" else children(asked)


def test_children_come_parent_by_parent_with_what_is_included(worker, serve):
    """In the parents' order, each in its own pages; parents have pages, too."""

    def answer(asked):
        page = int(asked.query["page"])
        if asked.path == "/parents":
            return [
                {"id": id_, "name": f"p{id_}", "of": {"x": [1, {"y": 2}]}} for id_ in (page * 2 - 1, page * 2)
            ] if page <= 4 else []  # fmt: skip
        parent = int(asked.path.split("/")[2])
        return [{"n": parent * 10 + page}, {}] if page <= 2 else []

    pages = {"type": "page_number"}
    parent = {"pagination": pages, "include": ["id", "of.x", "none"]}
    assert worker.load(family(serve(answer), parent=parent, pagination=pages), table()) == 32
    assert list(worker.types()) == ["parent_id", "parent_of_x", "parent_none", "n"]
    assert worker.rows("SELECT parent_id, n FROM t WHERE n IS NOT NULL") == [
        (parent, parent * 10 + page) for parent in range(1, 9) for page in (1, 2)
    ]
    assert worker.rows("SELECT DISTINCT parent_of_x::VARCHAR, parent_none FROM t") == [('[1, {"y":2}]', None)]


def test_several_children_are_asked_for_at_once(worker, serve):
    """As many as `concurrency`; the order stays the parents'."""
    together = threading.Barrier(4, timeout=20)

    def children(asked):
        together.wait()
        return [{"of": int(asked.path.split("/")[2])}]

    config = family(serve(answering(rows(1, 12), children)), concurrency=4)
    assert worker.load(config, table()) == 12
    assert worker.rows() == [(number,) for number in range(1, 13)]


def test_never_more_children_than_concurrency_are_asked_for(worker, serve):
    """Nor are the pages of one parent's children asked for beside those of others."""
    lock, now, most = threading.Lock(), [0], [0]

    def children(asked):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        page = int(asked.query["page"])
        said = rows(page, page) if page <= 6 else []
        with lock:
            now[0] -= 1
        return said

    config = family(
        serve(answering(rows(1, 20), children)), pagination={"type": "page_number"}, concurrency=3
    )
    assert worker.load(config, table()) == 120
    assert most[0] <= 3


def test_values_are_put_into_path_params_and_body(worker, serve):
    """Percent-encoded in the URL; a text that is one placeholder alone keeps the value's type."""
    record = {"id": "a/b ?#%ü", "n": 12345678901234567890, "on": True, "user": {"name": "x&y"}}
    server = serve(answering([record], lambda asked: rows(1, 1)))
    config = family(
        server, "/c/{parent.id}/{parent.n}/z?u={parent.user.name}", method="POST",
        params={"who": "is {parent.user.name}", "on": "{parent.on}", "k": {"secret": "token"}, "l": 5},
        body={"ids": ["{parent.n}"], "text": "{parent.n}-{parent.on}", "on": "{parent.on}", "q": "{ parent { x } }"},
    )  # fmt: skip
    assert worker.load(config, table()) == 1
    first, child = server.asked
    assert (first.method, first.path, first.query, first.body) == ("GET", "/parents", {}, b"")
    assert child.path == "/c/a%2Fb%20%3F%23%25%C3%BC/12345678901234567890/z"
    assert child.query == {"u": "x&y", "who": "is x&y", "on": "true", "k": "hush-hush", "l": "5"}
    assert json.loads(child.body) == {
        "ids": [record["n"]], "text": "12345678901234567890-true", "on": True, "q": "{ parent { x } }",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "id is missing or null"),
        ({"a": 1}, "id is an object"),
        ([1], "id is an array"),
        ("", "id is an empty text"),
        ("..", "id is a step to another path"),
    ],
)
def test_a_value_that_makes_no_url_is_told_with_its_record(worker, serve, value, why):
    """The other children are not loaded either."""
    server = serve(answering([{"id": 1}, {"id": value}], lambda asked: rows(1, 1)))
    kind, message = worker.fail(family(server), table())
    assert (kind, message) == (
        "wrong_shape", f"record 2 of the parent: {why}, and the child's request needs it",
    )  # fmt: skip


@pytest.mark.parametrize("record", [{"x": 1}, {"id": {"deeper": 1}}, {"id": {}}])
def test_a_dotted_field_that_leads_nowhere_is_missing(worker, serve, record):
    """Wherever on the way it ends."""
    server = serve(answering([record], lambda asked: rows(1, 1)))
    _, message = worker.fail(family(server, "/c/{parent.id.deep}"), table())
    assert message == ("record 1 of the parent: id.deep is missing or null, and the child's request needs it")


@pytest.mark.parametrize("child", [{"a": 1, "parent_id": 2}, {"Parent_ID": 2}])
def test_a_name_that_the_child_has_already_is_an_error(worker, serve, child):
    """Which of the two a row has would be left to chance."""
    server = serve(answering(rows(1, 1), lambda asked: [{"a": 0}, child]))
    kind, message = worker.fail(family(server, parent={"include": ["id"]}), table())
    assert (kind, "already, which parent.include would add" in message) == ("wrong_shape", True)


def test_the_name_inside_another_value_is_no_collision(worker, serve):
    """Only a field of the record itself is."""
    record = {"a": {"parent_id": 1}, "b": '"parent_id"', "c": ',{"x'}
    server = serve(answering(rows(7, 7), lambda asked: [record, {}]))
    assert worker.load(family(server, parent={"include": ["id"]}), table()) == 2
    assert worker.rows("SELECT parent_id, a.parent_id, b, c FROM t") == [
        (7, 1, '"parent_id"', ',{"x'), (7, None, None, None),
    ]  # fmt: skip


def test_more_parents_than_allowed_are_an_error(worker, serve):
    """Named by the config's word; as many as allowed are fine."""

    def config(count):
        return family(serve(answering(rows(1, count), lambda asked: rows(1, 1))), parent={"records_max": 3})

    assert worker.load(config(3), table()) == 3
    assert worker.fail(config(4), table()) == (
        "wrong_shape", "the parent has more than 3 records (parent.records_max)",
    )  # fmt: skip


def test_a_child_that_fails_fails_the_task_and_one_that_is_ignored_is_left_out(worker, serve):
    """Others go on; the error names the child's own path."""

    def children(asked):
        return (404, {}, b"") if asked.path == "/parents/3/children" else rows(1, 1)

    server = serve(answering(rows(1, 5), children))
    kind, message = worker.fail(family(server), table())
    assert (kind, message) == ("source_refused", f"{server.url}/parents/3/children: HTTP 404 Not Found")
    actions = [{"status": 404, "action": "ignore"}]
    assert worker.load(family(server, response_actions=actions), table()) == 4


def test_no_parents_are_no_rows(worker, serve):
    """Nothing is asked of children."""
    server = serve(answering([], lambda asked: rows(1, 1)))
    assert worker.load(family(server), table("none")) == 0
    assert len(server.asked) == 1


def test_a_stop_ends_children_under_way(worker, serve):
    """All of those that are asked for."""
    reached, go_on = threading.Event(), threading.Event()

    def children(asked):
        reached.set()
        go_on.wait(30)
        return rows(1, 1)

    server = serve(answering(rows(1, 20), children))
    worker.say(order(family(server, concurrency=4), table()))
    assert reached.wait(20)
    worker.say(Stop())
    assert worker.answer() == Stopped()
    go_on.set()
    assert worker.load({"type": "inline", "rows": [{"a": 1}]}, table()) == 1
