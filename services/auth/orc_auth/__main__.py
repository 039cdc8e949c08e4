"""`python -m orc_auth`."""

import sys

from orc_auth.app import serve
from orc_auth.settings import AuthSettings
from orc_runtime.lifecycle import run_service

sys.exit(run_service(AuthSettings, serve))
