"""Fields and values that fit what an example of an extractor says of its columns."""

import re
from datetime import UTC, datetime, timedelta

FIRST = datetime(2026, 5, 1, 9, tzinfo=UTC)
LONG = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
"""Types as DuckDB calls them where that differs from how people write them."""
BY_FORM = {
    "date_format": {"day": "DATE"},
    "timestamp_format": {"at": "TIMESTAMP"},
    "decimal_separator": {"amount": "DOUBLE"},
}
"""Fields of a type that is told only if the word is heeded."""


def fields_of(config):
    """Return the names of the source's fields, dotted where they are nested, with their types where those are known."""
    declared = config.get("columns", {})
    if not config.get("header", True) and declared:
        return dict(declared)
    cursor = config.get("incremental", {}).get("cursor")
    names = ["id", "name", *declared, *config.get("select", ()), *config.get("rename", ()), *compared(config)]
    fields = dict.fromkeys([*names, *([cursor] if cursor else [])])
    for word, more in BY_FORM.items():
        fields |= more if word in config else {}
    return fields | declared


def compared(config):
    """Return the fields that a JSONPath compares."""
    return re.findall(r"@\.(\w+)", config.get("records") or "")


def record_of(config, nth):
    """Return the source's record of that number, objects where names are dotted."""
    record = {}
    for name, type_ in fields_of(config).items():
        *outer, last = name.split(".")
        inside = record
        for part in outer:
            inside = inside.setdefault(part, {})
        inside[last] = value_of(config, name, type_, nth)
    return record


def value_of(config, name, type_, nth):
    incremental = config.get("incremental", {})
    match (type_ or "").partition("(")[0]:
        case "DATE":
            return (FIRST + timedelta(days=nth)).date()
        case "TIMESTAMP":
            return (FIRST + timedelta(minutes=nth)).replace(tzinfo=None)
        case "TIMESTAMPTZ":
            return FIRST + timedelta(minutes=nth)
        case "DOUBLE" | "DECIMAL":
            return nth + 0.25
        case "JSON":
            return {"a": nth}
        case "VARCHAR":
            return f"{name} {nth}"
        case "":
            pass
        case _:
            return nth
    if name == incremental.get("cursor"):
        initial = incremental.get("initial")
        return initial + 3600 * nth if isinstance(initial, int) else FIRST + timedelta(hours=nth)
    if name == "id" or name in compared(config):
        return nth + 1
    return delicate(config, name, nth)


def delicate(config, name, nth):
    """Return a text with what its file's form makes delicate: quotes, delimiters, letters that encodings differ in."""
    if config["type"] != "csv":
        return f"{name} ë {nth}"
    quote = config.get("quote", '"')
    return f"{name} ë {quote + config.get('delimiter', ',') if quote else chr(34)} {nth}"


def as_json(value):
    """Return what JSON holds in place of a time."""
    return value.isoformat().replace("+00:00", "Z")


def table_columns(config):
    """Return the names that the table must have, and the types of those whose types are known."""
    fields = fields_of(config)
    names = config.get("select") or list(dict.fromkeys(name.partition(".")[0] for name in fields))
    rename = config.get("rename", {})
    parent = [f"parent_{name.replace('.', '_')}" for name in config.get("parent", {}).get("include", ())]
    known = {
        rename.get(name, name): LONG.get(fields[name], fields[name]) for name in names if fields.get(name)
    }
    own = [rename.get(name, name) for name in names]
    return {*own, *parent, *filter(None, [config.get("file_name_column")])}, known


def at_path(path, value):
    """Return a document with a value where a JSONPath leads."""
    for name, quoted, step in reversed(re.findall(r"\.(\w+)|\['([^']+)'\]|(\[\*\])|\[\?[^\]]*\]", path)):
        if name or quoted:
            value = {name or quoted: value}
        elif step:
            value = [value]
        # A filter chooses among the elements of the array that is there.
    return value


def merged(first, second):
    """Return one document of two."""
    if isinstance(first, dict) and isinstance(second, dict):
        both = {name: merged(first[name], second[name]) for name in first.keys() & second.keys()}
        return {**first, **second, **both}
    return second
