"""Children beside one another: how far ahead they are asked for, and what they get of their parent."""

import asyncio
from itertools import count

import httpx
import pytest

from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_parent import ApiParent
from orc_executor.extractors.api.parents import Children, Parent
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.api.resources import PAGES_AHEAD_MAX, of_each
from orc_executor.extractors.json.records import Records

MOST = 3
TURNS = 200
"""Of the event loop: far more than everything needs that can go on."""


async def settle():
    for _ in range(TURNS):
        await asyncio.sleep(0)


def test_neither_parents_nor_pages_are_taken_far_ahead():
    """While the first child is waited for, others stop at their bound, and no more parents are read."""
    asked = []

    async def parents():
        for number in count(1):
            yield number

    async def of(parent):
        if parent == 1:
            await asyncio.Event().wait()
        for page in count(1):
            asked.append((parent, page))
            yield page

    async def scenario():
        pages = of_each(parents(), of, MOST)
        first = asyncio.ensure_future(anext(pages))
        await settle()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await pages.aclose()

    asyncio.run(scenario())
    assert sorted(asked) == [
        (parent, page) for parent in range(2, MOST + 1) for page in range(1, PAGES_AHEAD_MAX + 2)
    ]


def test_what_goes_wrong_with_a_child_comes_in_its_turn():
    """After the pages of those before it, and the others are ended."""
    ended = []

    async def parents():
        for number in range(1, 10):
            yield number

    async def of(parent):
        try:
            if parent == 2:
                raise ValueError("two")
            yield parent
            if parent > 2:
                await asyncio.Event().wait()
        finally:
            ended.append(parent)

    async def scenario():
        pages = of_each(parents(), of, MOST)
        assert await anext(pages) == 1
        with pytest.raises(ValueError, match="two"):
            await anext(pages)

    asyncio.run(scenario())
    assert sorted(ended) == [1, 2, 3]


def test_records_get_the_parents_fields_as_they_were_written():
    """First in each record, an empty one too, and nothing else of the text changes."""
    url = "https://example.org/{parent.id}"
    config = ApiExtract(url, parent=ApiParent(url, include=("id", "a.b", "none")))
    children = Children(config, Request(httpx.URL(url)))
    parent = Parent(1, b'{"id": 1.50, "a": {"b": [ 1, {"x":"\\u00fc"}]}}')
    begin = b'"parent_id":1.50,"parent_a_b":[ 1, {"x":"\\u00fc"}],"parent_none":null'
    found = children.with_parent(Records(b'{"n": 1}\n{}\n{ }\n{"t":"},{ }"}', 4), parent)
    assert found.text.split(b"\n") == [
        b"{" + begin + b',"n": 1}', b"{" + begin + b"}", b"{" + begin + b"}", b"{" + begin + b',"t":"},{ }"}',
    ]  # fmt: skip
    assert found.count == 4
