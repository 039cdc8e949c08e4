"""The aggregates as the log handles them: where the pure domain meets the streams."""

from orc_domain import backfill, job, run
from orc_domain.run_messages import Command as RunCommand
from orc_domain.run_messages import Event as RunEvent
from orc_events.codec import EventCodec
from orc_events.handle import Decider

JOBS: Decider[job.Job, job.Command, job.Event] = Decider(
    initial=job.NO_JOB, decide=job.decide, evolve=job.evolve, codec=EventCodec(job.Event)
)
RUNS: Decider[run.Run, RunCommand, RunEvent] = Decider(
    initial=run.NO_RUN, decide=run.decide, evolve=run.evolve, codec=EventCodec(RunEvent)
)
BACKFILLS: Decider[backfill.Backfill, backfill.Command, backfill.Event] = Decider(
    initial=backfill.NO_BACKFILL,
    decide=backfill.decide,
    evolve=backfill.evolve,
    codec=EventCodec(backfill.Event),
)
