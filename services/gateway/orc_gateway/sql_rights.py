"""
Who may set SQL.

    optional    anybody
    required    an admin; others may keep what the job has: the same text, run where it was

SQL of a config runs with the rights of the executor's connections, so whoever writes it has those. A text stays what it
is only where it stays: on another connection, or on another file, it is new.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec
from msgspec import Struct

from orc_domain.config import Config
from orc_domain.definitions import JobWithTasks
from orc_domain.extract import Extractor, parse_extractor
from orc_domain.job_spec import JobSpec, extractor_of
from orc_domain.load import Loader, parse_loader
from orc_domain.rejection import Invalid
from orc_domain.sql_fields import Sql, sql_of
from orc_domain.templates import check_templates
from orc_domain.timetable import Timetable, Timing, parse_timetable
from orc_gateway.problems import FieldFault, Refusal
from orc_gateway.requests import AnyRequest
from orc_gateway.settings import Mode

_WHERE = ("type", "connection", "db_path", "path")
"""Words of a config that say where its SQL runs."""
_DETAIL = "only an admin may set SQL"


class SetSql(Struct, frozen=True):
    """SQL that somebody wants to be run, and where in the body it stands."""

    field: str
    sql: Sql
    where: tuple[str, ...]
    """What the config says of where it runs."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What must be the same for it to be what the job has already."""
        return (*self.where, self.sql.text)


def sql_of_job(spec: JobSpec) -> list[SetSql]:
    """Return the SQL of a definition that was judged."""
    found = list[SetSql]()
    for place, task in enumerate(spec.tasks):
        extractor, loader = extractor_of(spec, place + 1), parse_loader(task.loader_config)
        found += _set(extractor, task.extractor_config, f"tasks[{place}].extractor_config")
        found += _set(loader, task.loader_config, f"tasks[{place}].loader_config")
    return found


def sql_of_task(extractor_config: Config, loader_config: Config | None, timetable: Timetable) -> list[SetSql]:
    """Return the SQL of a task that was judged."""
    extractor = parse_extractor(check_templates(extractor_config, "extractor_config", timetable))
    found = list(_set(extractor, extractor_config, "extractor_config"))
    if loader_config is not None:
        found += _set(parse_loader(loader_config), loader_config, "loader_config")
    return found


class SqlRights:
    """Judges whoever asks, in the mode that the gateway is in."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode

    def are_limited(self, request: AnyRequest) -> bool:
        """Whether whoever asks may set no SQL."""
        return self._mode == "required" and request.scope["user"].role != "admin"

    def check(
        self, request: AnyRequest, wanted: Iterable[SetSql], before: JobWithTasks | None = None
    ) -> None:
        """Refuse SQL that is not in the job `before` already; raises Refusal 403 naming the fields."""
        if not self.are_limited(request):
            return
        kept = set() if before is None else {one.identity for one in _sql_before(before)}
        faults = tuple(
            FieldFault(one.field, _DETAIL, valid="what the job has there already, or an admin's token")
            for one in wanted
            if one.identity not in kept
        )
        if faults:
            raise Refusal(403, "forbidden", f"{faults[0].field}: {_DETAIL}", errors=faults)


def _set(parsed: Extractor | Loader, given: Config, field: str) -> Iterator[SetSql]:
    where = tuple(msgspec.json.encode(given.get(word)).decode() for word in _WHERE)
    for sql in sql_of(parsed, given):
        yield SetSql(f"{field}.{sql.place}", sql, where)


def _sql_before(job: JobWithTasks) -> Iterator[SetSql]:
    timetable = parse_timetable(Timing(schedules=(job.schedule, *job.schedules), timezone=job.timezone))
    for task in job.tasks:
        # What nobody can judge any more, a plugin's that is gone, keeps nothing.
        with suppress(Invalid):
            yield from sql_of_task(task.extractor_config, task.loader_config, timetable)
