"""
Resources: the pages of what a config asks for, in order.

    without parent    its pages
    with a parent     for each of the parent's records the pages of its children; several parents' children are asked
                      for at once, each in pages of its own, and none waits far ahead of those before it
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from msgspec import structs

from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_parent import ApiParent
from orc_executor.errors import WrongShape
from orc_executor.extractors.api.asking import with_params
from orc_executor.extractors.api.auth import text_of
from orc_executor.extractors.api.cursor import beginning
from orc_executor.extractors.api.fetching import Fetcher
from orc_executor.extractors.api.page import Page
from orc_executor.extractors.api.pages import Pages
from orc_executor.extractors.api.parents import Children, Parent
from orc_executor.extractors.api.requests import Request
from orc_executor.state import TaskState
from orc_executor.steps import read_url
from orc_executor.underway import Underway

PAGES_AHEAD_MAX = 1
"""Of a parent's children, beside the one in hand, while those of parents before it are still handed on."""
_FIELD = "extractor_config"


async def all_pages(
    config: ApiExtract, fetcher: Fetcher, underway: Underway, state: TaskState
) -> AsyncGenerator[Page, None]:
    """Yield every page of the config, or of all children; raises TaskError."""
    params = beginning(config.incremental, state, underway.order.window)
    pages = Pages(fetcher.ask, config.pagination, config.records, _FIELD)
    is_safe = config.method == "GET"
    if config.parent is None:
        first = with_params(fetcher.first, params)
        async with aclosing(pages.all(first, config.concurrency, is_safe=is_safe)) as found:
            async for page in found:
                yield page
        return
    children = Children(config, fetcher.first)

    async def of(parent: Parent) -> AsyncGenerator[Page, None]:
        first = with_params(children.first(parent), params)
        async with aclosing(pages.all(first, 1, is_safe=is_safe)) as found:
            async for page in found:
                yield structs.replace(page, records=children.with_parent(page.records, parent))

    async with (
        aclosing(_parents(config.parent, fetcher, underway)) as parents,
        aclosing(of_each(parents, of, config.concurrency)) as found,
    ):
        async for page in found:
            yield page


async def of_each(
    parents: AsyncGenerator[Parent, None], of: Callable[[Parent], AsyncGenerator[Page, None]], most: int
) -> AsyncGenerator[Page, None]:
    """Yield the children's pages, parent by parent, those of so many being asked for at any time."""
    waiting, is_left = deque[_Ahead](), True
    try:
        while True:
            while is_left and len(waiting) < most:
                parent = await anext(parents, None)
                if parent is None:
                    is_left = False
                else:
                    waiting.append(_Ahead(of(parent)))
            if not waiting:
                return
            while (page := await waiting[0].next()) is not None:
                yield page
            waiting.popleft()
    finally:
        for ahead in waiting:
            ahead.task.cancel()
        await asyncio.gather(*(ahead.task for ahead in waiting), return_exceptions=True)


async def _parents(parent: ApiParent, fetcher: Fetcher, underway: Underway) -> AsyncGenerator[Parent, None]:
    secrets = underway.reach.secrets
    params = {name: text_of(value, secrets) for name, value in parent.params.items()}
    first = Request(read_url(parent.url, "extractor_config.parent.url").copy_merge_params(params))
    ask = partial(fetcher.ask, method="GET")
    pages = Pages(ask, parent.pagination, parent.records, f"{_FIELD}.parent")
    number = 0
    async with aclosing(pages.all(first, 1, is_safe=True)) as found:
        async for page in found:
            if page.records.header is not None:
                raise WrongShape("the parent's records are CSV, and placeholders stand for fields of JSON")
            for text in page.records.text.split(b"\n") if page.records.count else ():
                number += 1
                if number > parent.records_max:
                    raise WrongShape(
                        f"the parent has more than {parent.records_max} records (parent.records_max)"
                    )
                yield Parent(number, text)


class _Ahead:
    """Pages that are asked for before their turn, a few at most."""

    def __init__(self, pages: AsyncGenerator[Page, None]) -> None:
        self._ready = asyncio.Queue[Page | Exception | None](PAGES_AHEAD_MAX)
        self.task = asyncio.create_task(self._ask(pages))

    async def next(self) -> Page | None:
        """Return the next page, None after the last; raises what asking for it raised."""
        found = await self._ready.get()
        if isinstance(found, Exception):
            raise found
        return found

    async def _ask(self, pages: AsyncGenerator[Page, None]) -> None:
        try:
            async with aclosing(pages):
                async for page in pages:
                    await self._ready.put(page)
        except Exception as error:  # noqa: BLE001 - it is raised in its turn
            await self._ready.put(error)
        else:
            await self._ready.put(None)
