"""`python -m orc_executor`."""

import sys

from orc_executor.app import serve
from orc_executor.settings import ExecutorSettings
from orc_executor.worker_settings import WorkerSettings
from orc_runtime.lifecycle import run_service

sys.exit(run_service(ExecutorSettings, serve, WorkerSettings))
