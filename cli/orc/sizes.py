"""Sizes as a person reads them."""

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000.0


def bytes_in_words(size: float) -> str:
    """Say a number of bytes with at most one digit after the point."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"
