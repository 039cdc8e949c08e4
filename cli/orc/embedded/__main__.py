"""`python -m orc.embedded`: what `orc up` becomes, without the command's own libraries in memory."""

import asyncio
import os
import sys
from pathlib import Path

from orc.embedded.errors import StackError
from orc.embedded.home import DEFAULT, Home
from orc.embedded.stack import Stack
from orc.embedded.supervisor import say


async def up() -> None:
    """Run the stack of `ORC_HOME` until told to stop."""
    home = Home(Path(os.environ.get("ORC_HOME") or DEFAULT))
    home.lock()
    stack = Stack(home, os.environ)
    stack.write_env()
    await stack.run()


def main() -> int:
    """Return the exit code: 0 when asked to stop, 1 when the stack could not start."""
    failures: list[str] = []
    try:
        asyncio.run(up())
    except* (StackError, OSError) as errors:
        failures = [str(error) for error in _leaves(errors)]
    for failure in failures:
        say(failure)
    return 1 if failures else 0


def _leaves(error: BaseException) -> list[BaseException]:
    """Return the errors in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


if __name__ == "__main__":
    sys.exit(main())
