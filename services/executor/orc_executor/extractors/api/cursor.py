"""
Where an incremental API is asked to begin: at the cursor less the lag, at `initial`, or at a backfill's window.

Rounding goes down where a format holds less than the cursor does, so that nothing between is left out; what comes
twice is recognised when it is loaded. The end of a window is rounded up.
"""

from orc_domain.extractors.incremental import UNIX, UNIX_MS, ApiIncremental
from orc_domain.run_messages import RunWindow
from orc_executor.errors import WrongShape
from orc_executor.extractors.api.asking import Params
from orc_executor.extractors.api.cursor_numbers import CursorNumber
from orc_executor.extractors.api.lags import Lag, parse_lag
from orc_executor.extractors.cursor_times import NANOSECONDS, CursorTime
from orc_executor.state import TaskState

_NANOSECONDS_OF = {UNIX: NANOSECONDS, UNIX_MS: NANOSECONDS // 1000}
_PLACE = "extractor_config.incremental"


def beginning(incremental: ApiIncremental | None, state: TaskState, window: RunWindow | None) -> Params:
    """Return the parameters that ask for less than everything; raises WrongShape naming what does not go together."""
    if incremental is None or incremental.param is None:
        return {}
    if window is not None:
        _check_times(incremental, state)
        params = {incremental.param: _written(CursorTime.of(window.start), incremental.format)}
        if incremental.end_param is not None:
            params[incremental.end_param] = _written(CursorTime.of(window.end), incremental.format, up=True)
        return params
    if state.cursor is not None:
        return {incremental.param: _begin(state.cursor, incremental, f"the cursor {state.cursor[:100]!r}")}
    if incremental.initial is not None:
        initial = incremental.initial
        return {incremental.param: _formatted(str(initial), incremental.format, f"{_PLACE}.initial")}
    return {}


def _begin(cursor: str, incremental: ApiIncremental, said: str) -> str | int:
    if incremental.lag is None:
        return _formatted(cursor, incremental.format, said)
    lag = parse_lag(incremental.lag)
    if (number := CursorNumber.parse(cursor)) is not None:
        return _formatted(number.minus(_steps(lag, incremental.format, said)).text, incremental.format, said)
    time = CursorTime.parse(cursor)
    if time is None:
        raise WrongShape(f"{said} is neither a number nor a time, so that no lag can be taken from it")
    if lag.nanoseconds is None:
        raise WrongShape(
            f"{said} is a time, and {_PLACE}.lag {incremental.lag} has no unit, as 90s or 2h has"
        )
    return _written(time, incremental.format, earlier=lag.nanoseconds)


def _steps(lag: Lag, format_: str | None, said: str) -> CursorNumber:
    """Return the lag in the numbers that the cursor counts in."""
    if lag.nanoseconds is None:
        return CursorNumber(lag.amount)
    unit = _NANOSECONDS_OF.get(format_ or "")
    if unit is None:
        raise WrongShape(
            f"{said} is a number, and {_PLACE}.lag has a unit: leave it out, or say with {_PLACE}.format "
            f"whether the number is {UNIX} or {UNIX_MS}"
        )
    return CursorNumber.ratio(lag.nanoseconds, unit)


def _formatted(text: str, format_: str | None, said: str) -> str | int:
    """Return a cursor as its parameter is written."""
    if format_ is None:
        return text
    if (number := CursorNumber.parse(text)) is not None:
        if format_ in _NANOSECONDS_OF:
            return number.floor
        raise WrongShape(f"{said} is a number, which {_PLACE}.format {format_} does not write")
    if (time := CursorTime.parse(text)) is not None:
        return _written(time, format_)
    raise WrongShape(f"{said} is neither a number nor a time, so that {_PLACE}.format cannot write it")


def _written(time: CursorTime, format_: str | None, *, earlier: int = 0, up: bool = False) -> str | int:
    if format_ is None:
        return time.minus(earlier).text
    unit = _NANOSECONDS_OF.get(format_)
    if unit is None:
        return time.minus(earlier).strftime(format_)
    since = time.since_epoch - earlier
    return -(-since // unit) if up else since // unit


def _check_times(incremental: ApiIncremental, state: TaskState) -> None:
    """Refuse a window, which is a span of time, for cursors that count something else."""
    known = state.cursor if state.cursor is not None else incremental.initial
    if incremental.format is None and known is not None and CursorNumber.parse(str(known)) is not None:
        raise WrongShape(
            f"a backfill's window is a span of time, and the cursor {str(known)[:100]} is a number: say with "
            f"{_PLACE}.format whether it is {UNIX} or {UNIX_MS}"
        )
