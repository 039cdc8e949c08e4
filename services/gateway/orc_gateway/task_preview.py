"""
A task before a job has it: judged as `POST /jobs` would, rendered as for a run by hand, looked at by an executor.

    executors of the pool are away or busy    503
    the source cannot be read                 422 preview-failed, with the kind and message of a task that fails
    it takes too long                         504
"""

from datetime import datetime
from http import HTTPStatus

import msgspec

from orc_domain.egress import EgressPolicy
from orc_domain.extract import parse_extractor
from orc_domain.load import parse_loader
from orc_domain.previews import (
    PreviewAnswer,
    PreviewBusy,
    PreviewFailed,
    PreviewLate,
    PreviewShown,
    PreviewWish,
    TaskPreview,
    preview_subject,
)
from orc_domain.rejection import Invalid
from orc_domain.task_rules import check_task
from orc_domain.templates import check_templates, render, window_of
from orc_domain.timetable import Timetable, Timing, parse_timetable
from orc_events.bus import Bus
from orc_events.errors import BusUnavailable, NoAnswer
from orc_gateway.bodies import TaskPreviewBody, check_address
from orc_gateway.problems import Refusal, Unavailable

SECONDS_MAX = 15.0
"""Longer than an executor looks, so that it can say what took so long."""
_EXTRACTOR, _LOADER = "extractor_config", "loader_config"

_answer = msgspec.json.Decoder(PreviewAnswer)


def wish_of(body: TaskPreviewBody, egress: EgressPolicy, now: datetime) -> PreviewWish:
    """Judge a task and return what to ask an executor for; raises Invalid naming the field."""
    timetable = timetable_of(body)
    extractor = parse_extractor(check_templates(body.extractor_config, _EXTRACTOR, timetable), _EXTRACTOR)
    if body.loader_config is not None:
        loader = parse_loader(body.loader_config, _LOADER)
        try:
            check_task(extractor, loader, "")
        except Invalid as error:
            error.field = (error.field or "").removeprefix(".")
            raise
    config = render(body.extractor_config, window_of(timetable, now), _EXTRACTOR)
    parse_extractor(config, _EXTRACTOR)
    check_address(config, egress, _EXTRACTOR)
    return PreviewWish(extractor_config=config, loader_config=body.loader_config, rows_wanted=body.limit)


def timetable_of(body: TaskPreviewBody) -> Timetable:
    """Return the times that templates of a task stand for; raises Invalid."""
    return parse_timetable(Timing(schedules=(body.schedule, *body.schedules), timezone=body.timezone))


async def ask(bus: Bus, pool: str, wish: PreviewWish) -> TaskPreview:
    """Have a source looked at by an executor of a pool; raises Refusal."""
    data = msgspec.json.encode(wish)
    try:
        answer = _answer.decode(await bus.request(preview_subject(pool), data, timeout_seconds=SECONDS_MAX))
    except NoAnswer as error:
        raise _late(f"no executor of pool {pool} answered in {SECONDS_MAX:g} s") from error
    except BusUnavailable as error:
        raise Unavailable(f"no executor of pool {pool} is there now", code="no-executor") from error
    if isinstance(answer, PreviewShown):
        return answer.preview
    raise _refusal(answer)


def _refusal(answer: PreviewBusy | PreviewLate | PreviewFailed) -> Refusal:
    if isinstance(answer, PreviewBusy):
        return Unavailable("the executor looks at as many sources as it may at once", code="busy")
    if isinstance(answer, PreviewLate):
        return _late(f"the preview took longer than {answer.seconds_max:g} s")
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "preview-failed", answer.message, kind=answer.kind)


def _late(message: str) -> Refusal:
    return Refusal(HTTPStatus.GATEWAY_TIMEOUT, "preview-timeout", message)
