"""What a plugin raises, told as what can go wrong with a task."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from orc_executor.errors import Internal, SourceRefused, SourceUnavailable, TaskError, TaskStopped
from orc_executor.secrets import Secrets

_PASSING = frozenset({408, 425, 429})
_SERVER_FAULT = 500


@contextmanager
def told(name: str, secrets: Secrets) -> Iterator[None]:
    """Turn whatever a plugin raises in the block into a TaskError; what is one already, or ends the task, passes."""
    try:
        yield
    except (TaskError, TaskStopped, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        # The traceback is for the plugin's author, in the executor's log.
        print(secrets.redact(traceback.format_exc()), file=sys.stderr, flush=True)  # noqa: T201
        raise _from_http(error) or Internal(f"the plugin {name} failed: {_said(error)}") from error


def _from_http(error: BaseException) -> TaskError | None:
    """Say what `raise_for_status` means; an answer's body and a URL's query are not quoted."""
    httpx = sys.modules.get("httpx")
    if httpx is None or not isinstance(error, httpx.HTTPStatusError):
        return None
    response = error.response
    url = response.request.url.copy_with(query=None, fragment=None, username=None, password=None)
    status = response.status_code
    said = f"{url}: HTTP {status} {response.reason_phrase}".strip()
    is_passing = status in _PASSING or status >= _SERVER_FAULT
    return SourceUnavailable(said) if is_passing else SourceRefused(said)


def _said(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
