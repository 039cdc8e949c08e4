"""
Remote files, brought into the attempt's folder before the load: no target is locked meanwhile.

    locate    what each URL names: one file, or those that a glob matches
    skip      those whose mark is known, where only new ones are read
    fetch     the others, several at once, all of them together within `spool_bytes_max`

A file that breaks off, or is not any more what it was when it was listed, is an error that another attempt may not meet.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import uvloop
from msgspec import Struct

from orc_domain.extractors.storage import NO_STORAGE, Place, Storage
from orc_executor.errors import SourceMalformed, SourceUnavailable
from orc_executor.extractors.files.remote import Origin, Passing, Remote
from orc_executor.extractors.files.spooling import spool_path, spooling
from orc_executor.judged_proxy import JudgedProxy
from orc_executor.paths import SourceFile
from orc_executor.underway import Underway

DOWNLOADS_MAX = 8
"""At once."""
TRIES_MAX = 4
PAUSE_SECONDS_FIRST = 0.25
RETRY_AFTER_SECONDS_MAX = 20.0
"""A server that asks for more is left to the run's own retries."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")
_HIVE = re.compile(r"[^/=]{1,100}=[^/]{1,100}\Z")

T = TypeVar("T")


class Fetched(Struct, frozen=True):
    """A remote file that is here now."""

    key: str
    """What tells it from others, in the state too; a query is in it as a digest."""
    mark: str
    file: SourceFile


def fetch_files(
    places: Sequence[Place], storage: Storage | None, underway: Underway, known: Mapping[str, str] | None
) -> dict[Place, list[Fetched]]:
    """
    Return what the URLs name, each file once; raises TaskError, TaskStopped.

    `known` are the marks of files that need not come again; None where all are read.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_Fetching(storage or NO_STORAGE, underway, known).all(places))
    except asyncio.CancelledError:
        underway.check_stop()
        raise


class _Fetching:
    def __init__(self, storage: Storage, underway: Underway, known: Mapping[str, str] | None) -> None:
        self._storage, self._underway, self._known = storage, underway, known
        self._slots = asyncio.Semaphore(DOWNLOADS_MAX)

    async def all(self, places: Sequence[Place]) -> dict[Place, list[Fetched]]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupt() -> None:
            loop.call_soon_threadsafe(task.cancel)

        with self._underway.interruptible(interrupt):
            web = [place for place in places if place.scheme == "https"]
            stored = [place for place in places if place.scheme != "https"]
            found = dict[Place, list[Fetched]]()
            if web:
                found |= await self._from_web(web)
            if stored:
                found |= await self._from_stores(stored)
            return found

    async def _from_web(self, places: Sequence[Place]) -> dict[Place, list[Fetched]]:
        from orc_executor.extractors.files.web_files import WebFiles  # noqa: PLC0415 - 15 MB that only web servers need

        reach = self._underway.reach
        origin = WebFiles(self._storage, reach.secrets, reach.egress, DOWNLOADS_MAX)
        try:
            return await self._fetch(places, origin)
        finally:
            await origin.close()

    async def _from_stores(self, places: Sequence[Place]) -> dict[Place, list[Fetched]]:
        from orc_executor.extractors.files.object_stores import ObjectStores  # noqa: PLC0415 - as above

        reach = self._underway.reach
        async with JudgedProxy(reach.egress) as proxy:
            origin = ObjectStores(self._storage, reach.secrets, proxy.url)
            work = asyncio.create_task(self._fetch(places, origin))
            try:
                either: set[asyncio.Future[Any]] = {work, proxy.refused}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if proxy.refused.done():
                    raise proxy.refused.result()
                return await work
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def _fetch(self, places: Sequence[Place], origin: Origin) -> dict[Place, list[Fetched]]:
        files_max = self._underway.order.limits.files_max
        located, once = dict[Place, list[Remote]](), dict[str, Remote]()
        for place in places:
            located[place] = await origin.locate(place, files_max)
            for remote in located[place]:
                once.setdefault(_key(remote), remote)
            if len(once) > files_max:
                raise SourceMalformed(
                    place.url.partition("?")[0], f"the paths name more than {files_max} files"
                )
        if self._underway.order.limits.rows_wanted is not None and len(once) > 1:
            # Who wants a few rows gets them from the first file.
            once, self._underway.is_cut = dict([next(iter(once.items()))]), True
        self._underway.expect({key: remote.size for key, remote in once.items()})
        calls = [partial(self._one, one, origin) for one in once.values()]
        come = dict(zip(once, await _together(calls), strict=True))
        return {
            place: [file for remote in remotes if (file := come.get(_key(remote))) is not None]
            for place, remotes in located.items()
        }

    async def _one(self, remote: Remote, origin: Origin) -> Fetched | None:
        """Bring one file here, None when it is known; raises TaskError."""
        if remote.mark is not None and self._is_known(remote, remote.mark):
            return None
        pause = PAUSE_SECONDS_FIRST
        async with self._slots:
            for tries_left in reversed(range(TRIES_MAX)):
                try:
                    return await self._try(remote, origin)
                except Passing as passing:
                    wait = pause if passing.wait_seconds is None else passing.wait_seconds
                    if not tries_left or wait > RETRY_AFTER_SECONDS_MAX:
                        raise SourceUnavailable(f"{remote.name}: {passing}") from passing
                await asyncio.sleep(wait)
                pause *= 2
        raise AssertionError("the last try returns or raises")

    async def _try(self, remote: Remote, origin: Origin) -> Fetched | None:
        underway, path, came = self._underway, _path(remote, self._underway), 0
        try:
            async with origin.opened(remote) as opened:
                if opened.mark is not None and self._is_known(remote, opened.mark):
                    return None
                underway.expect({_key(remote): opened.size})
                # Where nothing tells a changed file, its content does.
                digest = hashlib.blake2b(digest_size=16)
                with spooling(path, remote.name, underway) as spool:
                    async for chunk in opened.chunks:
                        spool.write(chunk)
                        came += len(chunk)
                        underway.bytes += len(chunk)
                        if opened.mark is None:
                            digest.update(chunk)
                    _check_whole(came, opened.size)
        except BaseException:
            underway.bytes -= came
            raise
        mark = opened.mark or f"blake2b {digest.hexdigest()}"
        if self._is_known(remote, mark):
            path.unlink()
            return None
        return Fetched(_key(remote), mark, SourceFile(str(path), remote.name, came, mark))

    def _is_known(self, remote: Remote, mark: str) -> bool:
        return self._known is not None and self._known.get(_key(remote)) == mark


def _check_whole(came: int, size: int | None) -> None:
    if size is not None and came != size:
        raise Passing(f"broke off after {came} of {size} bytes")


def _key(remote: Remote) -> str:
    """Return what tells the file from others: a query may, and may hold what is not to be kept."""
    _, separator, query = remote.place.url.partition("?")
    if not separator or remote.place.scheme != "https":
        return remote.name
    return f"{remote.name}?{hashlib.blake2b(query.encode(), digest_size=16).hexdigest()}"


def _path(remote: Remote, underway: Underway) -> Path:
    """Return where to keep it: its last name says how it is compressed, `name=value` folders are columns to some."""
    *folders, last = unquote(
        urlsplit(remote.name).path if remote.place.scheme == "https" else remote.place.key
    ).split("/")
    folder = spool_path(remote.place.url, underway)
    for name in folders:
        if _HIVE.match(name) and name.isprintable():
            folder /= name
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (last if _SAFE_NAME.match(last) and not last.startswith(".") else "file" + _ending(last))


def _ending(name: str) -> str:
    found = re.search(r"(\.[A-Za-z0-9]{1,8}){1,2}\Z", name)
    return found[0] if found else ""


async def _together(calls: "Sequence[Callable[[], Awaitable[T]]]") -> list[T]:
    """Return what all of them return; the first error ends the others."""
    tasks = [asyncio.ensure_future(call()) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
