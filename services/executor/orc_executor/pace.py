"""Pace: how fast something grows, over the last seconds."""

from collections import deque

SPAN_SECONDS = 5.0
SAMPLES_MAX = 64


class Pace:
    """Of a count that is told from time to time; one that begins anew has none until it is told again."""

    def __init__(self) -> None:
        self._samples = deque[tuple[float, int]](maxlen=SAMPLES_MAX)

    def add(self, at: float, count: int) -> float | None:
        """Take a count at a time in seconds, and return its growth per second, None where that is not known."""
        if self._samples and count < self._samples[-1][1]:
            self._samples.clear()
        # One before the span is kept, so that the span is whole.
        while len(self._samples) > 1 and self._samples[1][0] <= at - SPAN_SECONDS:
            self._samples.popleft()
        self._samples.append((at, count))
        began_at, began = self._samples[0]
        if at <= began_at or count == began:
            return None
        return round((count - began) / (at - began_at), 1)
