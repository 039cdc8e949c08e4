"""A wish for a backfill, judged by the job as it stands, and the answer that is recorded with it."""

import msgspec

from orc_domain.backfill import Backfill, RequestBackfill, backfill_id_of_command
from orc_domain.backfill_definitions import backfill_definition, backfill_with_instants
from orc_domain.job import Job
from orc_domain.rejection import Conflict, NotFound
from orc_domain.wire import WireRequestBackfill
from orc_events.handle import Intent

_encoder = msgspec.json.Encoder()


class JobChangedMeanwhile(Conflict):
    """The instants are those of another version of the job."""

    def __init__(self) -> None:
        super().__init__(
            "job-changed",
            "the job was changed while its instants were looked up",
            valid="the same request again",
        )


def backfill_request(wish: WireRequestBackfill, job: Job, intent: Intent) -> RequestBackfill:
    """Return what is asked of the backfill's decider; raises NotFound and JobChangedMeanwhile."""
    if not job.exists:
        raise NotFound("job", wish.job_id)
    if job.version != wish.job_version:
        # Who looked up the instants saw this version, so that at the same one they need not be looked up again.
        raise JobChangedMeanwhile
    return RequestBackfill(
        backfill_id=backfill_id_of_command(intent.command_id),
        job_id=wish.job_id,
        job_version=wish.job_version,
        start=wish.start,
        end=wish.end,
        instants=wish.instants,
        skipped=wish.skipped,
        reprocess=wish.reprocess,
        concurrency=wish.concurrency,
        reverse=wish.reverse,
        at=intent.occurred_at,
    )


def backfill_answer(backfill: Backfill) -> str:
    """Return a BackfillDefinition, of a new one with its instants."""
    is_new = backfill.version == 1
    return _encoder.encode(
        backfill_with_instants(backfill) if is_new else backfill_definition(backfill)
    ).decode()
