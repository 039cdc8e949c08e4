"""`python -m orc_gateway`."""

import sys

from orc_gateway.app import serve
from orc_gateway.settings import GatewaySettings
from orc_runtime.lifecycle import run_service

sys.exit(run_service(GatewaySettings, serve))
