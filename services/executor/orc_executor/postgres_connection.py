"""
Postgres, from the one thread that a worker has: a connection whose every wait can be stopped.

The name is resolved once, every address is judged, and the connection goes to a judged one; TLS is as the URL's sslmode
says, with the name that the URL has. A wait that is stopped is ended on the server, too.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg
import uvloop

from orc_domain.address_forms import Address
from orc_domain.egress import POSTGRES_PORTS
from orc_executor.addresses import judged_addresses
from orc_executor.errors import TaskError
from orc_executor.postgres_errors import Side, told
from orc_executor.postgres_url import PostgresUrl
from orc_executor.underway import Underway

CONNECT_SECONDS_MAX, CLOSE_SECONDS_MAX, RESOLVE_SECONDS_MAX = 10.0, 5.0, 60.0
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
}
"""How values are written and read, whatever the role's or the database's own settings are."""

T = TypeVar("T")


class Session:
    """One connection for as long as the `with` block; raises TaskError of its side, TaskStopped."""

    def __init__(self, url: PostgresUrl, underway: Underway, side: Side) -> None:
        self._url, self._underway, self._side = url, underway, side
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            self.connection = self.run(self._connect)
        except BaseException as error:
            self._runner.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(_close(self.connection))
        finally:
            self._runner.__exit__(kind, error, trace)

    def run(
        self, work: Callable[[], Coroutine[Any, Any, T]], percent: Callable[[], float | None] = lambda: None
    ) -> T:
        """Wait for what `work` makes; Stop ends it."""
        loop, task = self._runner.get_loop(), list[asyncio.Task[T]]()

        async def watched() -> T:
            task.append(asyncio.current_task())  # type: ignore[arg-type]
            return await work()

        def interrupt() -> None:
            # Once: a second cancel would end the asking the server to stop.
            if task and not task[0].cancelling():
                loop.call_soon_threadsafe(_cancel, task[0])

        try:
            if self._underway.is_committing:
                return self.run_to_the_end(work())
            with self._underway.interruptible(interrupt, percent):
                return self._runner.run(watched())
        except asyncio.CancelledError:
            self._underway.check_stop()
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            if not self._underway.is_committing:
                self._underway.check_stop()
            raise self.told(error) from error

    def run_to_the_end(self, work: Awaitable[T]) -> T:
        """Wait for what nothing may stop; raises what the driver raises."""

        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    def told(self, error: Exception) -> TaskError:
        """Return what an error of the driver means."""
        return told(error, self._url.place, self._side)

    def fetch(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        return [tuple(row) for row in self.run(lambda: self.connection.fetch(sql, *parameters))]

    def execute(self, sql: str, *parameters: Any) -> int:
        """Return how many rows a statement changed, 0 for one that changes none."""
        said = self.run(lambda: self.connection.execute(sql, *parameters)).rsplit(" ", 1)[-1]
        return int(said) if said.isdecimal() else 0

    def seconds_left(self) -> float:
        """Return how long the task may still take; of one that is committing, which nothing ends, a while."""
        return RESOLVE_SECONDS_MAX if self._underway.is_committing else self._underway.seconds_left()

    def begin(self, kind: str) -> None:
        """Begin a transaction, none of whose statements lasts longer than the task may."""
        self.execute(f"BEGIN {kind}")
        left = max(1, int(1000 * self.seconds_left()))
        settings = {**_SESSION, "statement_timeout": str(left), "idle_in_transaction_session_timeout": "0"}
        calls = ", ".join(
            f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in settings.items()
        )
        self.execute(f"SELECT {calls}")

    async def _connect(self) -> Any:
        url, policy = self._url, self._underway.reach.egress
        addresses = await judged_addresses(url.host, url.port, policy, usual=POSTGRES_PORTS)
        for place, address in enumerate(addresses, start=1):
            try:
                return await self._connect_to(address)
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
                if place == len(addresses):
                    raise
        raise OSError("the name has no address")

    async def _connect_to(self, address: Address) -> Any:
        url = self._url
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            return await asyncpg.connect(
                host=str(address), port=url.port, user=url.user, database=url.database,
                # All is given, also what there is none of: the driver would look for it in the environment and in files.
                password=url.password.reveal(), ssl=_tls(url, address), direct_tls=False,
                target_session_attrs="any", statement_cache_size=0, timeout=CONNECT_SECONDS_MAX,
            )  # fmt: skip


class _NamedContext(ssl.SSLContext):
    """TLS with the name that was asked for, though the connection goes to an address."""

    server_name = ""

    def wrap_bio(self, *args: Any, **more: Any) -> ssl.SSLObject:
        """Begin TLS with a server."""
        return super().wrap_bio(*args, **{**more, "server_hostname": self.server_name})


def _tls(url: PostgresUrl, address: Address) -> ssl.SSLContext | str:
    mode = url.sslmode or ("disable" if address.is_loopback else "verify-full")
    if mode == "disable":
        return "disable"
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = url.host
    if mode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs()
    return context


def _cancel(task: "asyncio.Task[Any]") -> None:
    if not task.cancelling():
        task.cancel()


async def _close(connection: Any) -> None:
    try:
        # It waits for the server to have ended what was cancelled.
        await connection.close(timeout=CLOSE_SECONDS_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
