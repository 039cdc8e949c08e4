"""What a job's definition says about time and trouble, beside its schedule: one Struct per field, defaults written out."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

SECONDS_MAX = 366 * 86_400
CATCH_UP_MAX = 10_000

Seconds = Annotated[float, Meta(ge=0, le=SECONDS_MAX)]
DeadlineSeconds = Annotated[float, Meta(ge=1, le=SECONDS_MAX)]
"""A shorter deadline would let nothing run."""
PositiveSeconds = Annotated[float, Meta(gt=0, le=SECONDS_MAX)]


class Dst(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of fixed times where the clocks change; schedules of `*` go by elapsed time whatever it says."""

    gap: Literal["shift", "skip"] = "shift"
    """A time that is left out fires at the first instant after it, or not at all."""
    overlap: Literal["first", "last", "both"] = "first"
    """A time that comes twice fires in the first pass, in the last, or in both."""


class CatchUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of instants that were missed: those that nobody asked for within 10 s of their time."""

    mode: Literal["none", "last", "all"] = "all"
    """`last`: the newest alone, unless a later instant runs anyway."""
    window_seconds: Annotated[int, Meta(ge=0, le=SECONDS_MAX)] = 900
    """Those missed longer ago stay missed."""
    max: Annotated[int, Meta(ge=1, le=CATCH_UP_MAX)] = 1000
    """Under `all`, the newest so many are run."""


class Overlap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of an instant while an earlier run of the job is open; backfills do not count."""

    mode: Literal["allow", "skip", "queue", "cancel_running"] = "allow"
    """`queue`: it waits until the earlier one has ended; `cancel_running`: that one is cancelled, and it waits for that."""
    max: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Under `queue`, so many wait; further ones are let pass."""


class Retry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often and when a failed attempt is repeated."""

    attempts_max: Annotated[int, Meta(ge=1, le=100)] = 3
    """All of a run's attempts, the first included."""
    initial_seconds: PositiveSeconds = 2.0
    """Before the second attempt; doubled each time, with jitter."""
    max_seconds: PositiveSeconds = 60.0
    """No wait is longer."""


class Timeouts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long things may take."""

    queue_seconds: PositiveSeconds = 86_400.0
    """Until a run is claimed for the first time."""
    run_seconds: PositiveSeconds = 86_400.0
    """All attempts together, from the first claim on."""
    task_seconds: PositiveSeconds = 21_600.0
    """Each task of an attempt."""
