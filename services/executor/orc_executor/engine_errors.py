"""DuckDB's errors, told in ours: which file, which line, why."""

import re
from collections.abc import Mapping

import duckdb

from orc_executor.errors import (
    Internal,
    NoSpace,
    OutOfMemory,
    SourceMalformed,
    TargetUnusable,
    TaskError,
    TaskStopped,
    WrongShape,
)

DOUBT = "orc-type-doubt"
"""How a scan says that a value does not fit the type its column was given from a sample."""

_MIXED_LINE_ENDS = re.compile(r"state machine reached an invalid state|unterminated quote")
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_ORIGINAL = re.compile(r"Original Line: (.*)")
_FILE = re.compile(r"^\s*file = (.+)$", re.MULTILINE)
_JSON_PLACE = re.compile(r'in file "(.+?)"(?:, in (?:line|record/value) (\d+))?')
_JSON_FAULT = re.compile(r"Malformed JSON|JSON transform error")
_NO_SPACE = re.compile(
    r"No space left on device|Disk quota exceeded|File too large|max_temp_directory_size", re.IGNORECASE
)
_ADVICE = re.compile(
    r"\n\s*(Possible (?:fixes|solutions?)|Try increasing|Column \S+ is being converted)", re.IGNORECASE
)
_POINTER = re.compile(r"\n\s*LINE \d+:.*", re.DOTALL)
_PREFIX = re.compile(r"^[A-Za-z ]{3,30} Error: ")
_OWN_PROCESS = re.compile(r"/proc/\d+/fd/")
"""DuckDB may say which process `self` is."""
_OWN_PATH = re.compile(r"/proc/self/fd/\d+/[^\s\"']*")
_ORIGINAL_CHARACTERS_MAX = 200


def is_foreign_lock(error: duckdb.Error) -> bool:
    """Whether another process has the database file open."""
    return "Could not set lock on file" in str(error)


def is_type_doubt(error: duckdb.Error) -> bool:
    """Whether a value did not fit the type that was taken from a sample of the file, or a line end the sample's."""
    text = str(error)
    is_value = (
        DOUBT in text or bool(_JSON_FAULT.search(text)) or isinstance(error, duckdb.ConversionException)
    )
    return is_value or may_be_line_ends(error)


def may_be_line_ends(error: duckdb.Error) -> bool:
    """Whether DuckDB may have given up at a line end other than the file's first."""
    return isinstance(error, duckdb.InvalidInputException) and bool(_MIXED_LINE_ENDS.search(str(error)))


def is_fatal(error: BaseException | None) -> bool:
    """Whether DuckDB cannot be used any more in this process."""
    return isinstance(error, duckdb.FatalException | duckdb.InternalException)


def source_error(error: duckdb.Error, names: dict[str, str]) -> TaskError | TaskStopped:
    """
    Say what an error while loading means.

    `names` maps the real paths of the files that were read to what to call them.
    """
    if (general := _general_error(error)) is not None:
        return general
    text = _named(error, names)
    if DOUBT in text:
        return SourceMalformed(_only(names), text.partition(f"{DOUBT}: ")[2])
    if line := _LINE.search(text):
        file = _FILE.search(text)
        return SourceMalformed(
            file[1].strip() if file else _only(names), csv_reason(error, names), line=int(line[1])
        )
    if "JSON" in text and (place := _JSON_PLACE.search(text)):
        record = f", record {place[2]}" if place[2] else ""
        return WrongShape(f"{place[1]}{record}: {_reason(text)}")
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException | duckdb.ParserException):
        return WrongShape(_reason(text))
    named = next((name for name in names.values() if name in text), _only(names))
    return SourceMalformed(named, _reason(text))


def csv_line(error: duckdb.Error) -> int | None:
    """Return the line that DuckDB names, which counts a record of several lines as one; None for errors of other kinds."""
    line = None if _general_error(error) is not None else _LINE.search(str(error))
    return int(line[1]) if line else None


def csv_reason(error: duckdb.Error, names: dict[str, str]) -> str:
    """Return the reason and the line as it stands, without the advice for people at a prompt."""
    text = _named(error, names)
    original = _ORIGINAL.search(text)
    said = f" (the line: {original[1][:_ORIGINAL_CHARACTERS_MAX]})" if original else ""
    return _reason(_ORIGINAL.sub("", _LINE.sub("", text))) + said


def target_error(error: duckdb.Error, name: str) -> TaskError | TaskStopped:
    """Say what an error of the database file itself means."""
    if (general := _general_error(error)) is not None:
        return general
    reason = _OWN_PATH.sub(lambda _: name, _reason(_named(error, {})))
    return TargetUnusable(f"{name}: {reason}")


def _named(error: duckdb.Error, names: Mapping[str, str]) -> str:
    """Return the text with files called as people know them."""
    text = _OWN_PROCESS.sub("/proc/self/fd/", str(error))
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    return text


def _general_error(error: duckdb.Error) -> TaskError | TaskStopped | None:
    """Say what the error means wherever it comes from, or None."""
    text = str(error)
    if isinstance(error, duckdb.InterruptException):
        return TaskStopped()
    if _NO_SPACE.search(text):
        return NoSpace(_reason(text))
    if isinstance(error, duckdb.ConstraintException):
        return WrongShape(f"the table does not take the rows: {_reason(text)}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemory(_reason(text))
    return Internal(_reason(text)) if is_fatal(error) else None


def _reason(text: str) -> str:
    body = _POINTER.sub("", _ADVICE.split(text)[0])
    return " ".join(_PREFIX.sub("", body.strip()).split()) or "DuckDB gave no reason"


def _only(names: dict[str, str]) -> str:
    values = sorted(names.values())
    match values:
        case []:
            return "the source"
        case [one]:
            return one
    return f"one of {len(values)} files from {values[0]} on"
