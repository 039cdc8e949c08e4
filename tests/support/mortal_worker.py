"""
`python -m orc_executor.worker` that kills itself at one place: KILL_AT=module:function:before|after:n, the n-th call.

Dotted functions are methods: `orc_executor.engine:Engine.run:before:3`. Coroutine functions are killed at, too.
"""

import inspect
import os
import signal
import sys
from importlib import import_module
from itertools import count

from orc_executor import worker


def arm(place):
    module, path, when, number = place.split(":")
    *owners, name = path.split(".")
    owner = import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    inner, calls = getattr(owner, name), count(1)

    def die(is_it):
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)

    def mortal(*args, **more):
        is_it = next(calls) == int(number)
        die(is_it and when == "before")
        result = inner(*args, **more)
        die(is_it and when == "after")
        return result

    async def mortal_coroutine(*args, **more):
        is_it = next(calls) == int(number)
        die(is_it and when == "before")
        result = await inner(*args, **more)
        die(is_it and when == "after")
        return result

    setattr(owner, name, mortal_coroutine if inspect.iscoroutinefunction(inner) else mortal)


arm(os.environ["KILL_AT"])
worker.main(sys.argv[1:])
