"""What is judged by a request's head alone: its size, and whose page sends it."""

import httpx
import pytest
from prometheus_client import CollectorRegistry

from orc_gateway import heads
from orc_gateway.front import Front
from orc_runtime.health import Health

JOB_ID = "00000000-0000-0000-0000-000000000001"
RUN = f"/jobs/{JOB_ID}/run"
OURS = "http://gateway"
PASSED = (503, "starting")
"""What a front without an application answers to whatever it lets through."""


@pytest.fixture
async def client():
    transport = httpx.ASGITransport(Front(Health(), CollectorRegistry()))
    async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "headers", "answer"),
    [
        ("/jobs?" + "a" * heads.TARGET_BYTES_MAX, {}, (414, "target-too-long")),
        ("/" + "a" * heads.TARGET_BYTES_MAX, {}, (414, "target-too-long")),
        ("/jobs", {f"X-{n}": "y" for n in range(heads.HEADERS_MAX)}, (431, "too-many-headers")),
        ("/jobs?" + "&" * heads.QUERY_PARAMETERS_MAX, {}, (400, "too-many-parameters")),
        ("/jobs?" + "&" * (heads.QUERY_PARAMETERS_MAX - 1), {}, PASSED),
    ],
)
async def test_sizes(client, path, headers, answer):
    """A head that is larger than any we need is refused by name."""
    refused = await client.get(path, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == answer


async def test_two_hosts(client):
    """Two Host headers are two opinions on whom the request is meant for."""
    refused = await client.get("/jobs", headers=[("Host", "gateway"), ("Host", "evil.com")])
    assert (refused.status_code, refused.json()["code"]) == (400, "two-hosts")


FOREIGN = {
    "its origin": {"Origin": "http://evil.com"},
    "another port": {"Origin": "http://gateway:8000"},
    "no origin to speak of": {"Origin": "null"},
    "what the browser says": {"Sec-Fetch-Site": "cross-site"},
    "a sister site": {"Sec-Fetch-Site": "same-site", "Origin": OURS},
    "a browser's word over an origin": {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
    "no URL": {"Origin": "http://[evil"},
}
OWN = {
    "no browser": {},
    "its origin": {"Origin": OURS},
    "what the browser says": {"Sec-Fetch-Site": "same-origin", "Origin": "http://renamed.by.a.proxy"},
    "typed by hand": {"Sec-Fetch-Site": "none"},
}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("case", FOREIGN)
async def test_pages_of_other_sites(client, method, case):
    """Where no token is asked for, they change nothing, with or without a body."""
    refused = await client.request(method, RUN, headers=FOREIGN[case])
    assert (refused.status_code, refused.json()["code"]) == (403, "cross-site")


@pytest.mark.parametrize("case", OWN)
async def test_what_is_no_page_of_another_site(client, case):
    """Programs, and pages of the gateway's own name, go on."""
    answer = await client.post(RUN, headers=OWN[case])
    assert (answer.status_code, answer.json()["code"]) == PASSED


async def test_pages_of_other_sites_may_ask(client):
    """Looking is not refused: no page can read the answer."""
    answer = await client.get("/livez", headers=FOREIGN["what the browser says"])
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (200, False)


async def test_where_a_token_is_asked_for():
    """A page has none, so the token alone decides."""
    transport = httpx.ASGITransport(Front(Health(), CollectorRegistry(), mode="required"))
    async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
        answer = await client.post(RUN, headers=FOREIGN["its origin"])
    assert (answer.status_code, answer.json()["code"]) == PASSED
