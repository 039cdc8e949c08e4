"""
Connection: questions to servers and their answers, one at a time or several, within the config's pace and timeouts.

Every question goes the same way, those for tokens, too: over judged connections, at the host's pace.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import httpx

from orc_domain.egress import EgressPolicy
from orc_domain.extractors.api import ApiExtract
from orc_executor.egress import NETWORK_ERRORS, JudgedTransport
from orc_executor.errors import SourceUnavailable, WrongShape
from orc_executor.extractors.api.answers import place
from orc_executor.extractors.api.inflating import ACCEPTED, unpacked
from orc_executor.extractors.api.patience import Passing
from orc_executor.extractors.api.rate_limit import RateLimit
from orc_executor.steps import BAD_LOCATION, nowhere


class Connection:
    """To as many servers as the pages and redirects lead to."""

    def __init__(self, config: ApiExtract, egress: EgressPolicy) -> None:
        timeouts = config.timeouts
        self._total_seconds = timeouts.total_seconds
        self._pace = RateLimit(config.rate_limit_per_second)
        self._client = httpx.AsyncClient(
            transport=JudgedTransport(egress, config.concurrency),
            trust_env=False,
            timeout=httpx.Timeout(timeouts.read_seconds, connect=timeouts.connect_seconds, pool=None),
            headers={"accept-encoding": ACCEPTED, "user-agent": "orc-nats-ator"},
        )

    async def close(self) -> None:
        """Close all of them."""
        await self._client.aclose()

    @asynccontextmanager
    async def answer(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> AsyncIterator[httpx.Response]:
        """
        Have an answer whose body can be read in the block, all of it within the total timeout.

        Raises Passing, SourceUnavailable, SourceRefused, AddressRefused.
        """
        await self._pace.turn(url.host)
        try:
            async with asyncio.timeout(self._total_seconds):
                request = self._client.build_request(method, url, headers=dict(headers), content=content)
                response = await self._client.send(request, stream=True)
                try:
                    yield response
                finally:
                    await response.aclose()
        except BAD_LOCATION as error:
            raise nowhere(place(url)) from error
        except NETWORK_ERRORS as error:
            raise Passing(f"{type(error).__name__}: {error}".removesuffix(": ")) from error
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{place(url)}: the answer took longer than {self._total_seconds:g} s (timeouts.total_seconds)"
            ) from error

    async def body(
        self,
        response: httpx.Response,
        bytes_max: int,
        name: str,
        take: Callable[[int], None] | None = None,
    ) -> bytes:
        """Return the body, unpacked; `take` is told the size of each piece and may raise. Raises WrongShape when it is too large or broken."""
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > bytes_max:
            raise WrongShape(f"{name}: the answer is larger than {bytes_max} bytes: it is {announced}")
        return await unpacked(
            response.aiter_raw(), response.headers.get("content-encoding", ""), bytes_max, name, take
        )
