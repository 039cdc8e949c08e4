"""Cursors that are numbers, of any length and exact."""

import re
from decimal import ROUND_FLOOR, Context, Decimal

_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_EXACT = Context(prec=4000)
"""More digits than two numbers of the pattern have between them."""


class CursorNumber:
    """A number that keeps its digits."""

    def __init__(self, value: Decimal) -> None:
        self.value = value

    @classmethod
    def parse(cls, text: str) -> "CursorNumber | None":
        """Read a number as JSON has it, None where it is none."""
        return cls(Decimal(text)) if _NUMBER.fullmatch(text) else None

    @classmethod
    def ratio(cls, part: int, whole: int) -> "CursorNumber":
        """Return part / whole, `whole` being a power of ten."""
        return cls(_EXACT.divide(Decimal(part), Decimal(whole)))

    def minus(self, other: "CursorNumber") -> "CursorNumber":
        """Return the difference."""
        return CursorNumber(_EXACT.subtract(self.value, other.value))

    @property
    def text(self) -> str:
        """The number without an exponent."""
        return format(self.value, "f")

    @property
    def floor(self) -> int:
        """The next whole number down."""
        return int(self.value.to_integral_value(ROUND_FLOOR, context=_EXACT))
