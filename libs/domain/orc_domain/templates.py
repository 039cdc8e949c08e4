"""
Templates in extractor configs: the instant a run is for, written into its URLs, paths and parameters.

    {{ due_at }}               RFC 3339 in UTC, 2026-05-13T09:00:00Z
    {{ due_at:%Y-%m-%d }}      strftime, in the job's time zone

They are rendered once, when the run is requested, so that the log shows exactly what was fetched and a retry fetches
the same. What is rendered is judged like what a user wrote: nothing gets past a rule by way of a format.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, json, structs

from orc_domain.config import Config, paths_given, urls_of
from orc_domain.rejection import Invalid
from orc_domain.timetable import Timetable

NAMES = ("due_at", "window_start", "window_end")
DIRECTIVES = "aAbBdfGHIjmMpSuUVwWyYzZ%"
"""What may follow `%`: those that mean the same on every machine, and hold no `/` and no `.`."""

_OPEN, _CLOSE = "{{", "}}"
_SAID_MAX = 64
_VALID = (
    f"{', '.join(f'{_OPEN} {name} {_CLOSE}' for name in NAMES)}, each with a format or without:"
    f" {_OPEN} due_at:%Y-%m-%d {_CLOSE}"
)
_HOST_FIXED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#{]+[/?#]")
_LONGEST = datetime(2026, 9, 30, 23, 59, 59, 999_999, tzinfo=UTC)
"""A Wednesday in September: no other instant is longer in words."""


class Window(Struct, frozen=True):
    """What the names stand for in one run."""

    start: datetime
    """The instant before `end`; the same as `end` where there is none."""
    end: datetime
    """The instant the run is for: `due_at`."""
    zone: ZoneInfo


class _Named(Struct, frozen=True):
    name: str
    format: str


def window_of(timetable: Timetable, instant: datetime) -> Window:
    """Return the window that ends with an instant; it begins where the schedule says, even before `starts_at`."""
    unbounded = structs.replace(timetable, timing=structs.replace(timetable.timing, starts_at=None))
    before = unbounded.last_before(instant)
    return Window(before.due_at if before else instant, instant, timetable.zone)


def has_templates(config: Config) -> bool:
    """Whether any string of a config may hold a template."""
    return _OPEN.encode() in json.encode(config)


def render(config: Config, window: Window, field: str = "extractor_config") -> Config:
    """Return the config with every template written out; raises Invalid naming the field."""
    rendered: Config = _walk(config, field, lambda text, place: _render(text, window, place))
    return rendered


def check_templates(config: Config, field: str, timetable: Timetable) -> Config:
    """Judge the templates of a config and return it as it may be rendered; raises Invalid naming the field."""

    def check(text: str, place: str) -> str:
        for part in _parts(text, place):
            if isinstance(part, _Named) and part.name == "window_start" and timetable.is_manual:
                raise Invalid(
                    place,
                    "a job that runs by hand only has no instant before, where a window could start",
                    valid="{{ due_at }}, or a schedule",
                )
        return text

    _walk(config, field, check)
    rendered = render(config, Window(_LONGEST, _LONGEST, timetable.zone), field)
    addressed = [*urls_of(config).items(), *paths_given(config)]
    becoming = [*urls_of(rendered).values(), *(path for _, path in paths_given(rendered))]
    for (place, given), url in zip(addressed, becoming, strict=True):
        # Where a request goes is judged when the job is created, and is to stay what was judged.
        if _OPEN in given and ("path" not in place or "://" in url) and not _HOST_FIXED.match(given):
            raise Invalid(
                f"{field}.{place}",
                "a template stands in the scheme or the host",
                valid="templates after the host: https://host/path?day={{ due_at:%Y-%m-%d }}",
            )
    return rendered


def _walk(value: Any, place: str, change: Callable[[str, str], str]) -> Any:
    """Return the value with every string changed but keys and the names of secrets."""
    if isinstance(value, str):
        return change(value, place)
    if isinstance(value, dict):
        if value.keys() == {"secret"}:
            return value
        return {key: _walk(inner, f"{place}.{str(key)[:_SAID_MAX]}", change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(inner, f"{place}[{nth}]", change) for nth, inner in enumerate(value)]
    return value


def _render(text: str, window: Window, place: str) -> str:
    return "".join(
        part if isinstance(part, str) else _write(part, window, place) for part in _parts(text, place)
    )


def _write(part: _Named, window: Window, place: str) -> str:
    at = window.start if part.name == "window_start" else window.end
    if not part.format:
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    try:
        return at.astimezone(window.zone).strftime(part.format)
    except (ValueError, OverflowError) as error:
        raise Invalid(place, f"the format cannot be written: {error}", valid=_VALID) from error


def _parts(text: str, place: str) -> list[str | _Named]:
    """Take a text apart in one pass; raises Invalid naming the place."""
    if _OPEN not in text and _CLOSE not in text:
        return [text]
    parts, outside, at = list[str | _Named](), list[str](), 0
    while (start := text.find(_OPEN, at)) >= 0:
        end = text.find(_CLOSE, start + len(_OPEN))
        if end < 0:
            raise Invalid(place, f"{_said(text[start:])} is not closed with {_CLOSE}", valid=_VALID)
        outside.append(text[at:start])
        parts += (text[at:start], _named(text[start + len(_OPEN) : end], place))
        at = end + len(_CLOSE)
    outside.append(text[at:])
    parts.append(text[at:])
    plain = "".join(outside)
    # JSON in a parameter may well end with `}}`; it has as many that open.
    if any(_CLOSE in piece for piece in outside) and plain.count("}") > plain.count("{"):
        raise Invalid(place, f"{_CLOSE} closes nothing", valid=_VALID)
    return parts


def _named(inside: str, place: str) -> _Named:
    name, colon, form = inside.partition(":")
    name, form = name.strip(), form.strip()
    if name not in NAMES:
        raise Invalid(place, f"a template knows no {_said(name)}", valid=_VALID)
    if colon:
        _check_format(form, place)
    return _Named(name, form)


def _check_format(form: str, place: str) -> None:
    directives = re.findall(r"%(.?)", form, re.DOTALL)
    for directive in directives:
        if not directive or directive not in DIRECTIVES:
            raise Invalid(
                place,
                f"a format knows no {_said('%' + directive)}",
                valid=", ".join(f"%{letter}" for letter in DIRECTIVES),
            )
    if all(directive == "%" for directive in directives):
        raise Invalid(place, f"the format {_said(form)} holds nothing of the time", valid=_VALID)


def _said(text: str) -> str:
    return repr(text[:_SAID_MAX])
