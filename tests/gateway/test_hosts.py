"""Open on loopback, the gateway answers to names of this machine alone: no site's page reaches it by rebinding its own."""

import httpx
import pytest
from prometheus_client import CollectorRegistry

from orc_gateway import hosts
from orc_gateway.front import Front
from orc_runtime.health import Health

OURS = ["localhost", "LOCALHOST:8080", "orc.localhost", "127.0.0.1:45617", "[::1]:8080", "10.0.0.7", ""]
OTHERS = ["evil.com", "evil.com:8080", "localhost.evil.com", "127.0.0.1.evil.com", "xlocalhost", "[evil"]


@pytest.mark.parametrize(
    ("host", "status"), [*((host, 200) for host in OURS), *((host, 421) for host in OTHERS)]
)
async def test_names(host, status):
    """An address needs no name, and cannot be rebound."""
    front = Front(Health(), CollectorRegistry(), own_host="127.0.0.1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://gateway") as client:
        answer = await client.get("/livez", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert (answer.headers["content-type"], answer.json()["code"]) == (
            "application/problem+json",
            "misdirected",
        )


@pytest.mark.parametrize(
    ("mode", "host", "judged"),
    [
        ("optional", "127.0.0.1", True),
        ("optional", "localhost", True),
        ("optional", "::1", True),
        ("optional", "0.0.0.0", False),
        ("required", "127.0.0.1", False),
    ],
)
def test_where_names_are_judged(settings, mode, host, judged):
    """With login a page has no token; beyond loopback other names are meant to be used."""
    assert hosts.are_judged(settings(mode=mode, host=host)) is judged
