"""Which failures are tried again: what the page says is what the classes say."""

import re
from pathlib import Path

from orc_executor import errors
from orc_executor.errors import TaskError

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"
ATTEMPTS_OWN = {
    "worker_died": True,
    "lost": True,
    "run_timeout": False,
    "queue_timeout": False,
}
"""Kinds that no task's error has: said by who watches over the attempt or the queue."""


def test_the_page_names_every_kind():
    """Each kind of failure stands in docs/lifecycle.md once, with whether another attempt can help."""
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, TaskError)]
    kinds = {one.kind: one.retryable for one in classes if one is not TaskError} | ATTEMPTS_OWN
    told = {
        kind: again.startswith("yes")
        for names, again in re.findall(
            r"^\| (`[a-z_`, ]+`) \| [^|]+ \| ((?:yes|no)[^|]*) \|$", PAGE.read_text(), re.MULTILINE
        )
        for kind in re.findall(r"`([a-z_]+)`", names)
    }
    assert told == kinds
