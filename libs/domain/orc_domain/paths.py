"""
What a path in a config may look like, judged by its text alone.

Whether the real file lies inside the allowed roots is judged by the executor, which can see the file system.
"""

import re

from orc_domain.rejection import Invalid

PATH_CHARACTERS_MAX = 4096

_URL_LIKE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def check_path(path: str, field: str) -> None:
    """Refuse what can never be a path under the data folder; raises Invalid."""
    valid = "a path without '..', under ORC_DATA_DIR or one of ORC_FILE_ROOTS"
    if not path.strip():
        raise Invalid(field, "the path is empty", valid=valid)
    if len(path) > PATH_CHARACTERS_MAX:
        raise Invalid(field, f"the path is longer than {PATH_CHARACTERS_MAX} characters", valid=valid)
    if any(ord(character) < ord(" ") for character in path):
        raise Invalid(field, "the path holds a control character", valid=valid)
    if _URL_LIKE.match(path):
        raise Invalid(field, "the path looks like a URL; use the api extractor for HTTP", valid=valid)
    if ".." in re.split(r"[/\\]", path):
        raise Invalid(field, "the path climbs with '..'", valid=valid)
