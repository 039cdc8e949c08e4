"""Rows that fit what an example of a loader's page says of them, and what its table must hold after loading them."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

KEPT, CHANGED, DELETED = range(3)
"""Places in the first load: a row that stays as it is, one that comes again with another value, one that is deleted."""
EXPECTED = {
    "replace": lambda first, second: second,
    "append": lambda first, second: first + second,
    "merge": lambda first, second: unless_in(first, second) + second,
    "insert-only": lambda first, second: first + unless_in(second, first),
    "scd2": lambda first, second: first + second,
}
"""What the table holds after two loads, by write disposition, before deletions."""


def unless_in(rows, others):
    """Return the rows whose key none of the others has."""
    keys = {row["nth"] for row in others}
    return [row for row in rows if row["nth"] not in keys]


def two_loads(loader):
    """Return the rows of a first and a second load: of `nth` all key columns follow, `value` tells the loads apart."""
    checks = loader.get("checks", ())
    count = max(4, *(check.get("min", 0) for check in checks if check["type"] == "row_count"), 0)
    first = [row_of(loader, nth, 1) for nth in range(count)]
    # Rows that are appended and must be unique are others than those that are there.
    is_unique = any(check["type"] == "unique" for check in checks)
    start = count if loader.get("write_disposition") == "append" and is_unique else CHANGED
    second = [row_of(loader, nth, 2) for nth in range(start, start + count)]
    marker = loader.get("merge", {}).get("delete_column")
    if marker is not None:
        second[DELETED - start][marker] = True
    return first, second


def row_of(loader, nth, load):
    """Make a row that meets the checks."""
    row = {"nth": nth, "value": f"load {load}, row {nth}"}
    row |= dict.fromkeys(loader.get("primary_key", ()), nth)
    row |= {name: f"{name} {nth % 2}" for name in loader.get("partition_by", ())}
    merge = loader.get("merge", {})
    row |= {merge["order_by"]: stamp(load)} if "order_by" in merge else {}
    row |= {merge["delete_column"]: False} if "delete_column" in merge else {}
    for check in loader.get("checks", ()):
        match check:
            case {"type": "not_null" | "unique", "columns": names}:
                row |= dict.fromkeys(names, nth)
            case {"type": "accepted_values", "column": name, "values": values}:
                row[name] = values[nth % len(values)]
            case {"type": "freshness", "column": name}:
                row[name] = stamp(0)
            case {"type": "sql", "query": query}:
                row |= dict.fromkeys(re.findall(r"\bo\.(\w+)", query), nth)
    return row


def stamp(minutes):
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def expected(loader, first, second):
    """Return how often each value must be in the table after both loads."""
    marker = loader.get("merge", {}).get("delete_column")
    rows = EXPECTED[loader.get("write_disposition", "replace")](first, second)
    return Counter(row["value"] for row in rows if not row.get(marker))


def breaking(check, rows):
    """Return the rows changed so that the check is not met."""
    match check:
        case {"type": "row_count"}:
            return rows[: check["min"] - 1]
        case {"type": "unique"}:
            return rows + rows[:1]
        case {"type": "not_null", "columns": [name, *_]}:
            wrong = {name: None}
        case {"type": "accepted_values", "column": name}:
            wrong = {name: "none of them"}
        case {"type": "freshness", "column": name}:
            return [{**row, name: "2000-01-01T00:00:00Z"} for row in rows]
        case {"type": "sql"}:
            wrong = {"customer_id": 999}
    return [*rows[1:], {**rows[0], **wrong}]
