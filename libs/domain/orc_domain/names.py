"""Names of tables and columns: when two of them are the same."""

import string

NAME_BYTES_MAX = 63
"""Postgres cuts longer names short."""
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(name: str) -> str:
    """
    Return what two names share that DuckDB takes for the same: it is blind to the case of A to Z alone.

    `É` and `é`, `ß` and `SS`, `K` and the sign of Kelvin are different names there, whatever Unicode says of them.
    """
    return name.translate(_LOWER)
