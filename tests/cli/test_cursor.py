"""`orc cursor`: what is asked of the gateway, and what a person sees of its answer."""

import pytest

ID = "00000000-0000-0000-0000-00000000000a"
SET = {"value": "9", "version": 2, "at": "2026-03-29T07:00:00Z"}
FIRST = {"cursor": {"column": "id", "value": "7"}, "set": SET}
SECOND = {"cursor": None, "set": {**SET, "value": None}}


@pytest.fixture
def orders(gateway):
    gateway.on("GET", "/jobs", [{"job_id": ID, "job_name": "orders"}])
    gateway.on("GET", f"/jobs/{ID}", {"tasks": [{"task_order": 1}, {"task_order": 2}]})
    gateway.on("GET", f"/jobs/{ID}/tasks/1/cursor", FIRST)
    gateway.on("GET", f"/jobs/{ID}/tasks/2/cursor", SECOND)
    gateway.on("POST", f"/jobs/{ID}/tasks/1/cursor", {"job_id": ID, "version": 3})
    gateway.on("POST", f"/jobs/{ID}/tasks/2/cursor", {"job_id": ID, "version": 3})
    return gateway


def test_show_all_tasks(orc, orders):
    """Each task has a line: its cursor, and where the next run begins instead."""
    assert [line.split() for line in orc("cursor", "show", "orders").out.splitlines()] == [
        ["task", "column", "cursor", "next", "run", "begins", "set_at"],
        ["1", "id", "7", "9", "2026-03-29T07:00:00Z"],
        ["2", "-", "-", "anew", "2026-03-29T07:00:00Z"],
    ]


def test_show_one_task(orc, orders):
    """One task by its place, as JSON for programs."""
    assert orc("cursor", "show", ID, "2", "--json").json == [{"task_order": 2, **SECOND}]


def test_set(orc, orders):
    """The value is sent as it was written, for the first task unless another is named."""
    called = orc("cursor", "set", "orders", "2026-05-01T00:00:00Z", "--task", "2")
    assert (called.code, called.out) == (
        0, "the next run of orders, task 2, begins at 2026-05-01T00:00:00Z\n",
    )  # fmt: skip
    assert orders.asked[-1].body == {"value": "2026-05-01T00:00:00Z"}
    assert orc("cursor", "set", ID, "9", "--json").json == {
        "job_id": ID, "task_order": 1, "value": "9", "version": 3,
    }  # fmt: skip


def test_reset(orc, orders):
    """A reset sends null."""
    assert orc("cursor", "reset", "orders").out == "the next run of orders, task 1, begins anew\n"
    assert orders.asked[-1].body == {"value": None}
