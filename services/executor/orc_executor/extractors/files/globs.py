"""Globs over the keys of an object store, which mean what they mean for files: `*` stops at a slash, `**` does not."""

import re
from glob import has_magic

from orc_executor.errors import WrongShape

_ANY_FOLDERS = "**"
_SOME = "[^/]*"


def is_glob(key: str) -> bool:
    """Whether a key names others than itself."""
    return has_magic(key)


def fixed_folder(glob: str) -> str:
    """Return the folder that all matches are in, to list no more than that."""
    parts = glob.split("/")
    fixed = next((place for place, part in enumerate(parts) if has_magic(part)), len(parts))
    return "/".join(parts[: min(fixed, len(parts) - 1)])


def key_pattern(glob: str) -> re.Pattern[str]:
    """Return the expression that a whole key must match; raises WrongShape for what is no glob."""
    parts, patterns = glob.split("/"), list[str]()
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        if part != _ANY_FOLDERS:
            # As in a shell, a name that begins with a dot is matched by one alone.
            hidden = r"(?!\.)" if has_magic(part[:1]) else ""
            patterns.append(f"{hidden}{_segment(part)}" + ("" if is_last else "/"))
        elif is_last:
            patterns.append(r"(?:(?!\.)[^/]+/)*(?!\.)[^/]+")
        elif not (place and parts[place - 1] == _ANY_FOLDERS):
            patterns.append(r"(?:(?!\.)[^/]+/)*")
    try:
        return re.compile("".join(patterns) + r"\Z", re.DOTALL)
    except re.error as error:
        raise WrongShape(f"{glob} is no glob: {error.msg}") from error


def _segment(part: str) -> str:
    """Return the expression for one name."""
    written, place = list[str](), 0
    while place < len(part):
        character = part[place]
        if character == "*":
            if written[-1:] != [_SOME]:
                written.append(_SOME)
        elif character == "?":
            written.append("[^/]")
        elif character == "[" and (end := _class_end(part, place)) is not None:
            chosen = part[place + 1 : end]
            negation = "^" if chosen.startswith("!") else ""
            body = "".join(one if one == "-" else re.escape(one) for one in chosen.removeprefix("!"))
            written.append(f"(?!/)[{negation}{body}]")
            place = end
        else:
            written.append(re.escape(character))
        place += 1
    return "".join(written)


def _class_end(part: str, begin: int) -> int | None:
    """Return where the bracket closes, None when it does not; one that stands first is a member."""
    first = begin + (2 if part[begin + 1 : begin + 2] == "!" else 1)
    end = part.find("]", first + 1)
    return end if end >= 0 else None
