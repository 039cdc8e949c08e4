"""
What a path in a config may look like, judged by its text alone.

Whether the real file lies inside the allowed roots is judged by the executor, which can see the file system. URLs that
extractors may read are judged by `orc_domain.extractors.storage`; here they are no paths.
"""

import re

from orc_domain.fields import is_visible
from orc_domain.rejection import Invalid

PATH_BYTES_MAX = 4096
NAME_BYTES_MAX = 255

_URL_LIKE = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]|"
    r"(https?|ftps?|file|data|s3[an]?|gs|gcs|r2|az|azure|abfss?|hf|md|motherduck|ducklake|iceberg|delta|"
    r"sqlite|mysql|postgres(ql)?|jdbc|odbc):",
    re.IGNORECASE,
)
"""The short list is of what an engine takes for another place than the file system, with or without `//`."""
_WINDOWS = re.compile(r"[A-Za-z]:|//|.*\\", re.DOTALL)


def check_path(path: str, field: str, urls: str | None = None) -> None:
    """
    Refuse what can never be a path under the data folder; raises Invalid.

    `urls` are the URLs that could stand there too, to be named in a refusal; the caller has judged those already.
    """
    problem = _problem(path)
    if problem is not None:
        valid = "a path without '..', under ORC_DATA_DIR or one of ORC_FILE_ROOTS"
        raise Invalid(field, problem, valid=valid if urls is None else f"{valid}; or a URL with {urls}")


def _problem(path: str) -> str | None:
    text = path.strip()
    if not text:
        return "the path is empty"
    if not is_visible(path):
        return "the path holds a control character"
    if len(path.encode()) > PATH_BYTES_MAX:
        return f"the path is longer than {PATH_BYTES_MAX} bytes"
    if ".." in (part.strip() for part in re.split(r"[/\\]", path)):
        return "the path climbs with '..'"
    if _URL_LIKE.match(text):
        return "the path looks like a URL of a kind that cannot be used here"
    if _WINDOWS.match(text):
        return "the path is written in the Windows way, with a drive, a share or '\\'"
    if text.startswith("~"):
        return "the path begins with '~', which stands for no folder here"
    if any(len(part.encode()) > NAME_BYTES_MAX for part in path.split("/")):
        return f"a name in the path is longer than {NAME_BYTES_MAX} bytes"
    return None
