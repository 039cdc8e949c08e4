"""Outcomes go to inboxes alone: who commands cannot have the scheduler speak where only the scheduler may."""

import msgspec
from scheduler.caller import all_done, envelope
from scheduler.parts import spec

from orc_domain.wire import WireCreateJob, subject_of
from orc_scheduler.handlers import REPLY_TO


async def test_outcome_is_sent_to_an_inbox_alone(caller, bus):
    """A command with another subject as its way back is done and not answered there; given again, it is, in an inbox."""
    heard: list[str] = []
    await bus.listen("orc.work.*", lambda subject, _data: heard.append(subject))
    await bus.flush()
    astray = envelope(WireCreateJob(spec=spec()))
    await bus.publish(subject_of(astray.command), msgspec.json.encode(astray), {REPLY_TO: "orc.work.default"})
    # A command is acked after its outcome was sent.
    await all_done(bus)
    assert (await caller.send(astray)).kind == "done"
    await bus.flush()
    assert heard == []
