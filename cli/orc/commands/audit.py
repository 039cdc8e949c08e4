"""`orc audit`: prove that the log is what was recorded."""

import asyncio
import sys

import asyncpg
from cyclopts import App
from rich.console import Console
from rich.progress import Progress

from orc.errors import CommandError
from orc.options import NO_OPTIONS, Options
from orc.output import show_json
from orc_events.errors import LogError
from orc_events.log import PostgresLog
from orc_events.verify import Verified
from orc_events.verify import verify as walk
from orc_runtime.database import UNREACHABLE, close_pool, connect_pool

BROKEN = 1
STATEMENT_SECONDS_MAX = 60.0

app = App(name="audit", help="Verify the log.", help_format="plaintext")


class LogUnread(CommandError):
    """The log cannot be read, so nothing is said of it."""


@app.command
def verify(*, options: Options = NO_OPTIONS) -> int:
    """
    Walk the whole chain and name the first position that is wrong; exits 1 when there is one.

    Reads the database itself, not the gateway: ORC_AUDITOR_DATABASE_URL, by default that of the stack of ORC_HOME.
    """
    url = options.database_url("ORC_AUDITOR_DATABASE_URL", "ORC_DATABASE_URL")
    try:
        verified = asyncio.run(_verify(url))
    except (*UNREACHABLE, asyncpg.PostgresError, LogError) as error:
        raise LogUnread(f"the log cannot be read: {error}") from error
    broken = verified.first_bad
    if options.json:
        show_json(
            {
                "verified": broken is None,
                "events": verified.events,
                "head_position": verified.head.position,
                "head_hash": verified.head.hash.hex(),
                "first_bad_position": broken and broken.position,
                "reason": broken and broken.reason,
            }
        )
    elif broken:
        print(
            f"BROKEN at position {broken.position}: {broken.reason}; {verified.events} events before it are right"
        )
    else:
        print(f"verified {verified.events} events, head {verified.head.position} {verified.head.hash.hex()}")
    return BROKEN if broken else 0


async def _verify(url: str) -> Verified:
    pool = await connect_pool(
        url,
        schema="log",
        size_max=2,
        application_name="orc-audit",
        statement_seconds_max=STATEMENT_SECONDS_MAX,
    )
    log = PostgresLog(pool)
    try:
        with Progress(
            console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True
        ) as progress:
            bar = progress.add_task("verify", total=None)
            return await walk(
                log.read,
                log.chain_head,
                on_progress=lambda done, end: progress.update(bar, completed=done, total=end),
            )
    finally:
        await close_pool(pool)
