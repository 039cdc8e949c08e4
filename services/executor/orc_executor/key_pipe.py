"""The pipe that a worker reads master keys from at its start, and nobody else."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from orc_runtime.settings import Secret

KEYS = "--keys"


@contextmanager
def pipe_of(text: Secret | None) -> Iterator[tuple[Sequence[str], Sequence[int]]]:
    """Make a pipe that holds the text, and say how a worker is told of it; it is closed here at the end."""
    if text is None:
        yield (), ()
        return
    source, sink = os.pipe()
    try:
        # A pipe takes a page at once, and there are no more keys than that.
        os.write(sink, text.reveal().encode())
        os.close(sink)
        yield (KEYS, str(source)), (source,)
    finally:
        os.close(source)
