"""
Time zones, from one named release of the tz database.

The system's zone files differ between machines and say nothing of their version; two schedulers that disagree about a
clock change would disagree about a tick. So the rules come from the `tzdata` package alone, whose version the events name.
"""

import re
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

from orc_domain.rejection import Invalid

TIMEZONE_CHARACTERS_MAX = 64
TZDATA = version("tzdata")
"""The release in force here, as `2026.1`."""

_NOT_A_PLACE = frozenset({"localtime", "Factory", "posixrules"})
"""Zone files that mean something else on each machine."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_VALID = "an IANA name such as UTC, Europe/Berlin or America/New_York"


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its IANA name; raises Invalid naming `timezone`."""
    is_no_place = name in _NOT_A_PLACE or name.startswith(("posix/", "right/"))
    if not name or len(name) > TIMEZONE_CHARACTERS_MAX or is_no_place:
        raise Invalid("timezone", "this is not the name of a time zone", valid=_VALID)
    # A name is a path below the package: one that could lead elsewhere is not looked up at all.
    if _NAME.fullmatch(name):
        try:
            with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
                return ZoneInfo.from_file(rules, key=name)
        except (ValueError, OSError):
            pass
    raise Invalid("timezone", f"{name!r} is not the name of a time zone", valid=_VALID)
