"""What a source needs to be opened in a test's own process."""

from uuid import uuid4

from support.worker_process import order

from orc_domain.egress import parse_egress
from orc_executor.frames import LoadLimits
from orc_executor.paths import Folders
from orc_executor.scratch import Scratch
from orc_executor.secrets import Secrets
from orc_executor.underway import Reach, Underway


def reach_of(tmp_path, egress=("loopback",), **environ):
    """Reach a data folder, a scratch folder beside it, the secrets of `environ`."""
    return Reach(
        Folders(tmp_path), Scratch(tmp_path / ".scratch"), Secrets(environ, None), parse_egress(tuple(egress))
    )


def underway_of(reach, **limits):
    """Begin an order of which only the limits matter."""
    return Underway(order({}, {}, run_id=uuid4(), limits=LoadLimits(**limits)), reach)
