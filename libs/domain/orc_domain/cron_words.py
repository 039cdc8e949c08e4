"""A cron expression in words, for whoever wonders whether he wrote what he meant."""

from itertools import product

from orc_domain.cron import Cron

_TIMES_LISTED_MAX = 6
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "", "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def describe_cron(cron: Cron) -> str:
    """Say when it fires, as `at 09:00:00 every day`."""
    parts = [_times(cron), _days(cron)]
    if cron.months is not None:
        parts.append("in " + _listed([_MONTHS[month] for month in sorted(cron.months)]))
    if cron.years is not None:
        parts.append("of " + _listed(_spans(sorted(cron.years))))
    return " ".join(part for part in parts if part)


def _times(cron: Cron) -> str:
    if len(cron.hours) * len(cron.minutes) * len(cron.seconds) <= _TIMES_LISTED_MAX:
        times = product(cron.hours, cron.minutes, cron.seconds)
        return "at " + _listed([f"{hour:02}:{minute:02}:{second:02}" for hour, minute, second in times])
    seconds, minutes = _every(cron.seconds, 60, "second"), _every(cron.minutes, 60, "minute")
    hours = _every(cron.hours, 24, "hour")
    if cron.minutes == tuple(range(60)):
        inner = seconds if cron.seconds != (0,) else "every minute"
    elif cron.seconds == (0,):
        inner = minutes
    else:
        inner = f"{seconds} of {minutes}"
    if len(cron.hours) == 24:  # noqa: PLR2004
        return f"{inner} of every hour" if "minute " in inner else inner
    return f"{inner} of {hours}"


def _every(values: tuple[int, ...], count: int, unit: str) -> str:
    if len(values) == count:
        return f"every {unit}"
    step = values[1] - values[0] if len(values) > 1 else 0
    if step > 1 and values == tuple(range(0, count, step)):
        return f"every {step} {unit}s"
    return f"{unit} {_listed(_spans(list(values)))}"


def _days(cron: Cron) -> str:
    if cron.is_special:
        fields = cron.text.split(" ")[-cron.fields :]
        at = 2 if cron.fields == 5 else 3  # noqa: PLR2004
        return f"on days '{fields[at]}' and weekdays '{fields[at + 2]}'"
    number = None if cron.days is None else f"day {_listed(_spans(sorted(cron.days)))} of the month"
    weekday = None if cron.weekdays is None else _listed([_DAYS[day] for day in sorted(cron.weekdays)])
    if number and weekday:
        return f"on {number}, {'and on' if cron.is_day_or_weekday else 'if it is a'} {weekday}"
    if number or weekday:
        return f"on {number or weekday}"
    return "every day" if _is_at_times(cron) or len(cron.hours) < 24 else ""  # noqa: PLR2004


def _is_at_times(cron: Cron) -> bool:
    return len(cron.hours) * len(cron.minutes) * len(cron.seconds) <= _TIMES_LISTED_MAX


def _spans(values: list[int]) -> list[str]:
    """Write runs of three and more as `9 to 17`."""
    spans: list[str] = []
    start = 0
    for place in range(1, len(values) + 1):
        if place < len(values) and values[place] == values[place - 1] + 1:
            continue
        run = values[start:place]
        spans.extend([f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(value) for value in run])  # noqa: PLR2004
        start = place
    return spans


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"
