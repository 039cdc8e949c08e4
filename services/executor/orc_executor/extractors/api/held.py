"""How much of answers is in memory: each has its own limit, and all that are under way together have one, too."""

import weakref
from types import TracebackType
from typing import Self

from orc_executor.errors import WrongShape

ANSWERS_MAX = 4
"""So many of the largest that may be."""


class Held:
    """Bytes of the answers that are being read, or have been and are not let go of."""

    def __init__(self, answer_bytes_max: int) -> None:
        self.bytes_max = ANSWERS_MAX * answer_bytes_max
        self.bytes = 0

    def give_back(self, size: int) -> None:
        """Count less."""
        self.bytes -= size


class Hold:
    """One answer's share, given back with the block, or with the answer that keeps it."""

    def __init__(self, held: Held, name: str) -> None:
        self._held, self._name, self._bytes = held, name, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.give_back(self._bytes)

    def take(self, size: int) -> None:
        """Count some more; raises WrongShape when it is too much."""
        self._bytes += size
        self._held.bytes += size
        if self._held.bytes > self._held.bytes_max:
            raise WrongShape(
                f"{self._name}: the answers under way are larger than {self._held.bytes_max} bytes together; "
                "a lower concurrency has fewer of them at once"
            )

    def keep(self, answer: object) -> None:
        """Hold on to the share until nobody has the answer any more."""
        weakref.finalize(answer, self._held.give_back, self._bytes)
        self._bytes = 0
