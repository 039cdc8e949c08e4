"""What travels between the gateway and the command handlers."""

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import msgspec
import pytest

from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.wire import (
    CommandEnvelope,
    Outcome,
    Problem,
    WireCancelBackfill,
    WireCancelRun,
    WireChangeJob,
    WireCommand,
    WireCreateJob,
    WireDeleteJob,
    WirePauseJob,
    WireRequestBackfill,
    WireRequestRun,
    WireResumeJob,
    WireRetryRun,
    WireSetCursor,
    subject_of,
)

ID = UUID(int=1)
AT = datetime(2026, 5, 4, tzinfo=UTC)
TASK = TaskSpec(
    {"type": "csv", "path": "a", "columns": {"b": "INTEGER", "a": "VARCHAR"}}, {"type": "discard"}
)
SPEC = JobSpec(job_name="flights", schedule="@manual", tasks=(TASK,))
COMMANDS = {
    "job.create": WireCreateJob(spec=SPEC),
    "job.change": WireChangeJob(job_id=ID, spec=SPEC, expected_version=3),
    "job.pause": WirePauseJob(job_id=ID),
    "job.resume": WireResumeJob(job_id=ID),
    "job.delete": WireDeleteJob(job_id=ID),
    "job.set_cursor": WireSetCursor(job_id=ID, task_order=1, value="7", expected_version=3),
    "run.request": WireRequestRun(job_id=ID),
    "run.cancel": WireCancelRun(run_id=ID, reason="typo"),
    "run.retry": WireRetryRun(run_id=ID),
    "backfill.request": WireRequestBackfill(
        job_id=ID,
        job_version=1,
        start=AT,
        end=AT,
        instants=(AT,),
        skipped=3,
        reprocess="failed",
        concurrency=2,
        reverse=True,
    ),
    "backfill.cancel": WireCancelBackfill(backfill_id=ID, reason="typo"),
}


def test_every_command_has_its_subject():
    """A command's subject is its type, and no command is missing here."""
    assert {type(command) for command in COMMANDS.values()} == set(get_args(WireCommand))
    assert {name: subject_of(command) for name, command in COMMANDS.items()} == {
        name: f"orc.commands.{name}" for name in COMMANDS
    }


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_arrives_as_it_was_sent(command):
    """Nothing of a command is lost on the way, the order of keys included."""
    envelope = CommandEnvelope(
        command_id=ID, body_hash="00", actor="user:ann", correlation_id=ID, issued_at=AT, deadline=AT, command=command
    )  # fmt: skip
    sent = msgspec.json.encode(envelope)
    arrived = msgspec.json.decode(sent, type=CommandEnvelope)
    assert (arrived, msgspec.json.encode(arrived)) == (envelope, sent)


def test_an_unknown_field_of_a_command_is_refused():
    """A command that says more than is understood is not half done."""
    with pytest.raises(msgspec.ValidationError, match="unknown field `force`"):
        msgspec.json.decode(
            b'{"type": "run.retry", "run_id": "%s", "force": true}' % str(ID).encode(), type=WireCommand
        )


def test_an_outcome_arrives_as_it_was_sent():
    """An answer's body passes through as its text."""
    outcomes = [
        Outcome(command_id=ID, kind="done", position=7, version=2, body=msgspec.Raw(b'{"b":1,"a":1.10}')),
        Outcome(
            command_id=ID, kind="rejected", problem=Problem(kind="stale", code="stale", detail="read it")
        ),
        Outcome(command_id=ID, kind="expired"),
    ]
    arrived = [msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome) for outcome in outcomes]
    assert [msgspec.json.encode(outcome) for outcome in arrived] == [
        msgspec.json.encode(outcome) for outcome in outcomes
    ]
    assert [bytes(outcome.body) for outcome in arrived] == [b'{"b":1,"a":1.10}', b"null", b"null"]
