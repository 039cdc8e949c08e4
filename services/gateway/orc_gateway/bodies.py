"""
Bodies: JSON from outside, judged before anything else sees it.

    size (413), time (408) → content type (415) → depth (400) → form and fields (400, naming the field) → meaning (400)

A definition is judged here in full, because a secret written literally must not reach NATS; the decider judges it again.
"""

import asyncio
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from msgspec import Meta, Struct

from orc_domain.backfill import Concurrency, Reprocess
from orc_domain.config import Config, paths_given, urls_of
from orc_domain.cron import YEAR_MAX, YEAR_MIN
from orc_domain.egress import EgressPolicy
from orc_domain.fields import invalid_from
from orc_domain.job_spec import POOL, JobSpec, check_spec
from orc_domain.policies import CatchUp, DeadlineSeconds, Dst, Overlap, Seconds
from orc_domain.previews import ROWS_DEFAULT, RowsWanted
from orc_domain.rejection import Invalid
from orc_domain.timetable import EXCLUDE_MAX, JITTER_SECONDS_MAX, SCHEDULES_MAX, Aware
from orc_domain.upcoming import check_fires
from orc_gateway.problems import Refusal

T = TypeVar("T")

BODY_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 64
INSTANTS_MAX = 1000
CURSOR_CHARACTERS_MAX = 1024
BODY_SECONDS_MAX = 30.0


class NoBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that says all by its path: none, or an empty object."""


class CancelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a run is to stop."""

    reason: Annotated[str, Meta(max_length=1000)] = ""


class BackfillBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which past instants of a job to run, and how."""

    start: Aware
    """RFC 3339 with an offset; an instant at it counts."""
    end: Aware
    """An instant at it counts; not in the future."""
    dry_run: bool = False
    """List the instants and do nothing."""
    reprocess: Reprocess = "none"
    """Which instants that have a run already are run again."""
    concurrency: Concurrency = 1
    """Runs that are open at once."""
    reverse: bool = False
    """The newest instant first."""


class PauseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a schedule is paused."""

    reason: Annotated[str, Meta(max_length=1000)] = ""


class CursorBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a task's next run begins."""

    value: Annotated[str, Meta(min_length=1, max_length=CURSOR_CHARACTERS_MAX)] | None
    """As the source writes it; null begins anew."""


class Downtime(Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A time in which no scheduler is taken to run, its end excluded."""

    start: Aware
    end: Aware


class PreviewBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule to look at; its fields are those of a job."""

    schedule: str
    schedules: Annotated[tuple[str, ...], Meta(max_length=SCHEDULES_MAX)] = ()
    timezone: str = "UTC"
    dst: Dst = Dst()
    exclude: Annotated[tuple[str, ...], Meta(max_length=EXCLUDE_MAX)] = ()
    starts_at: Aware | None = None
    ends_at: Aware | None = None
    jitter_seconds: Annotated[float, Meta(ge=0, le=JITTER_SECONDS_MAX)] = 0.0
    catch_up: CatchUp = CatchUp()
    start_deadline_seconds: DeadlineSeconds | None = None
    overlap: Overlap = Overlap()
    after: Aware | None = None
    """The listed instants are strictly after it; by default, after now."""
    count: Annotated[int, Meta(ge=1, le=INSTANTS_MAX)] = 5
    downtime: Downtime | None = None
    """Say too what would become of the instants around it."""
    run_seconds: Seconds = 0.0
    """How long a run is taken to last in that."""


class TaskPreviewBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task to look at; its fields are those of a job and of its task."""

    extractor_config: Config
    loader_config: Config | None = None
    """Without it, nothing is said of a target."""
    limit: RowsWanted = ROWS_DEFAULT
    """Rows to show."""
    pool: Annotated[str, Meta(pattern=POOL)] = "default"
    """Whose executors look at it."""
    schedule: str = "@manual"
    """With `schedules` and `timezone`: what templates stand for in a run by hand."""
    schedules: Annotated[tuple[str, ...], Meta(max_length=SCHEDULES_MAX)] = ()
    timezone: str = "UTC"


_EMPTY = b"{}"
_PORTS = {"http": 80, "https": 443}


async def read_body(request: Request[Any, Any, Any], into: type[T], *, required: bool = True) -> T:
    """Return the body as `into`; without one, an empty object unless it is required. Raises Refusal or Invalid."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            body = await request.body()
    except TimeoutError as error:
        raise Refusal(408, "body-too-slow", f"the body took longer than {BODY_SECONDS_MAX:g} s") from error
    except RequestEntityTooLarge as error:
        raise Refusal(413, "body-too-large", f"the body is larger than {BODY_BYTES_MAX} bytes") from error
    except InternalServerException as error:
        # What Litestar calls our fault is a client that went away, or was cut off for its framing.
        raise Refusal(400, "body-cut", "the body ended before all of it had come") from error
    if body or required:
        _check_content_type(request.headers.get("content-type", ""))
    return decode_body(body if body or required else _EMPTY, into)


def decode_body(body: bytes, into: type[T]) -> T:
    """Return JSON as `into`; raises Invalid naming the field."""
    try:
        _check_depth(body)
        decoded: T = _decoder(into).decode(body)  # type: ignore[arg-type]
    except msgspec.ValidationError as error:
        raise invalid_from(error, "") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(
            "", f"the body is not JSON: {error}", valid="a JSON object", code="malformed"
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    return decoded


@cache
def _decoder(into: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(into)


def check_job(spec: JobSpec, egress: EgressPolicy, now: datetime) -> None:
    """Judge all that a definition's text tells, and that it fires after `now`; raises Invalid naming the field."""
    check_times(spec, "starts_at", "ends_at")
    check_spec(spec)
    check_fires(spec, now)
    for place, task in enumerate(spec.tasks):
        check_address(task.extractor_config, egress, f"tasks[{place}].extractor_config")


def check_address(config: Config, egress: EgressPolicy, field: str) -> None:
    """Raise Invalid for an API, or a file, at a literal address or a port that may not be reached."""
    for place, url in [*urls_of(config).items(), *paths_given(config)]:
        refused = _refusal(url.strip(), egress)
        if refused:
            raise Invalid(
                f"{field}.{place}",
                refused,
                valid="a public address at the port 80 or 443, or what ORC_EGRESS_ALLOW and ORC_EGRESS_PORTS list",
                code="address-refused",
            )


def _refusal(url: str, egress: EgressPolicy) -> str | None:
    port = _PORTS.get(url.partition("://")[0].lower())
    if port is None:
        return None
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port or port
    except ValueError:
        # Built-in extractors refuse it by its form; a plugin's own word may mean what it likes, until it connects.
        return None
    return egress.early_refusal(host, port)


def check_times(holder: Struct, *fields: str) -> None:
    """Raise Invalid for a time that no schedule reaches, and that a change of its offset might carry past all years."""
    for field in fields:
        at = getattr(holder, field)
        if at is not None and not YEAR_MIN <= at.year <= YEAR_MAX:
            name = holder.__struct_encode_fields__[holder.__struct_fields__.index(field)]
            raise Invalid(
                name, f"{at.isoformat()} is too far away", valid=f"a year from {YEAR_MIN} to {YEAR_MAX}"
            )


def _check_content_type(content_type: str) -> None:
    # A missing one is refused too: a browser lets any page send such a body here without asking us first.
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Refusal(415, "not-json", "the body must be sent with Content-Type: application/json")


def _check_depth(body: bytes) -> None:
    # Counting is enough for nearly every body; only one with many brackets is looked at closely.
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(msgspec.json.decode(body)) > DEPTH_MAX:
        raise _too_deep()


def _depth(value: Any) -> int:
    """Return how many containers stand inside one another, never more than one past the limit."""
    level, depth = [value], 0
    while depth <= DEPTH_MAX:
        containers = [one for one in level if isinstance(one, dict | list)]
        if not containers:
            break
        depth += 1
        level = [inner for one in containers for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _too_deep() -> Invalid:
    return Invalid(
        "", f"the JSON is nested deeper than {DEPTH_MAX}", valid=f"at most {DEPTH_MAX}", code="too-deep"
    )
