"""Two gateway processes, as a deployment runs them, keep one limit together."""

import os
import subprocess
import sys
import time

import httpx
import pytest

from orc.embedded.ports import free_ports
from orc_events.bus import Bus
from orc_events.topology import Topology, provision

BURST = 20
RATE = 1


async def make_streams(url):
    bus = await Bus.connect(url, name="test", on_closed=lambda: None, wait_seconds=5.0)
    await provision(bus, Topology())
    await bus.close()


@pytest.fixture
def gateways(database, nats_url, portal, tmp_path):
    """Start two gateways on the same database and bus; give their URLs."""
    portal.call(make_streams, nats_url)
    ports = free_ports(2)
    processes = []
    try:
        for port in ports:
            environment = os.environ | {
                "ORC_DATABASE_URL": database.url("orc_gateway"),
                "ORC_NATS_URL": nats_url,
                "ORC_PORT": str(port),
                "ORC_RATE_PER_SECOND": str(RATE),
                "ORC_RATE_BURST": str(BURST),
            }
            log = (tmp_path / f"gateway-{port}.log").open("wb")
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "orc_gateway"], env=environment, stdout=log, stderr=log
                )
            )
        for port in ports:
            wait_until_ready(f"http://127.0.0.1:{port}")
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def wait_until_ready(url):
    until = time.monotonic() + 60
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < until:
            try:
                if client.get(f"{url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError(f"{url} is not ready")


def test_one_limit(gateways):
    """Whichever of the two is asked, no more pass than one limit allows, and the whole burst does."""
    began = time.monotonic()
    with httpx.Client(trust_env=False) as client:
        codes = [client.get(f"{gateways[turn % 2]}/auth/me").status_code for turn in range(3 * BURST)]
    # As long as it took, so much has flowed in: the bound holds on a machine however slow.
    allowed = BURST + RATE * (time.monotonic() - began)
    assert set(codes) == {200, 429}
    assert BURST <= codes.count(200) <= allowed
