"""`python -m orc_scheduler`."""

import sys

from orc_runtime.lifecycle import run_service
from orc_scheduler.app import serve
from orc_scheduler.settings import SchedulerSettings

sys.exit(run_service(SchedulerSettings, serve))
