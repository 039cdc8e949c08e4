"""
`python -m orc_executor` for fault tests: a lease of 3 s, workers of ours, and points around the claim and after the event.

The product's own entry is two lines and stays so; what a test needs is put around it here.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from reach import reach  # noqa: E402

from orc_executor import app, child, consumer, leases, slots, worker_settings  # noqa: E402
from orc_executor.settings import ExecutorSettings  # noqa: E402
from orc_runtime.lifecycle import run_service  # noqa: E402
from orc_runtime.settings import setting  # noqa: E402

BREAKS = set(filter(None, os.environ.get("FAULTS_BREAKS", "").split(",")))
leases.RENEW_SECONDS, leases.RENEWAL_SECONDS_MAX = 0.5, 1.0
leases.MARGIN_SECONDS = slots.MARGIN_SECONDS = 1.0
leases.EXPIRE_SECONDS = 0.25


class ShortLease(ExecutorSettings, frozen=True, kw_only=True):
    """The executor's settings with a lease the product would refuse."""

    lease_seconds: Annotated[int, setting("As in the product, but shorter.", ge=1)] = 3


_claim, _environment = consumer.claim, worker_settings.worker_environment


async def claim(voice: Any, work: Any, *rest: Any) -> Any:
    reach("before-claim", executor=os.getpid(), run_id=work.requested.run_id)
    owned = await _claim(voice, work, *rest)
    if owned is not None:
        reach("after-claim", executor=os.getpid(), run_id=owned.run_id)
    return owned


_perform, _handle = consumer.Consumer._perform, consumer.Consumer._handle


async def perform(self: Any, owned: Any, *rest: Any) -> bool:
    done = await _perform(self, owned, *rest)
    reach("after-event", executor=os.getpid(), run_id=owned.run_id)
    return done


async def handle_acked(self: Any, delivery: Any, *rest: Any) -> None:
    await delivery.ack()
    # Or it would wait behind the claim after all, in the client's buffer.
    await self._bus.flush()
    await _handle(self, delivery, *rest)


async def spawn(registry: Any, environment: Any, _program: Any = None, **kind: Any) -> Any:
    return await child.spawn(registry, environment, (str(HERE / "worker.py"),), **kind)


def worker_environment(environ: Any, **kind: bool) -> dict[str, str]:
    faults = {name: value for name, value in environ.items() if name.startswith("FAULTS_")}
    # Its points are files outside the data folder, and some of them stop the executor.
    return _environment(environ, **kind) | faults | {"ORC_WORKER_SANDBOX": "off"}


consumer.claim = claim
consumer.Consumer._perform = perform  # type: ignore[method-assign]
if "ack-before-append" in BREAKS:
    consumer.Consumer._handle = handle_acked  # type: ignore[method-assign]
app.spawn, app.worker_environment = spawn, worker_environment
sys.exit(run_service(ShortLease, app.serve))
