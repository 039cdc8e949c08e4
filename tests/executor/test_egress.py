"""No connection goes where it may not, whatever a name, a redirect or the environment says."""

from ipaddress import ip_address

import httpx
import pytest
from support.web_server import web_server

from orc_domain.egress import parse_egress
from orc_executor.egress import JudgedTransport, resolve
from orc_executor.errors import AddressRefused, SourceUnavailable


@pytest.fixture
def server():
    with web_server(lambda asked: {"host": asked.headers["host"]}) as server:
        yield server


def names(*answers):
    """Make a resolver that gives these answers, one set for each time it is asked."""
    left = [[ip_address(text) for text in answer] for answer in answers]

    async def resolve(host, port):
        return left.pop(0)

    return resolve


async def get(url, *, allow=("loopback",), resolver=resolve):
    transport = JudgedTransport(parse_egress(allow), 2, resolver)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        return (await client.get(url)).json()


async def test_the_judged_address_is_connected_to_and_the_name_stays(server):
    """The server sees the name it was asked by."""
    found = await get(f"http://api.example.com:{server.port}/", resolver=names(["127.0.0.1"]))
    assert found == {"host": f"api.example.com:{server.port}"}


async def test_a_name_is_resolved_once_for_a_connection(server):
    """What it would say the second time is never asked, so it cannot turn inward after the judgement."""
    await get(f"http://api.example.com:{server.port}/", resolver=names(["127.0.0.1"], ["169.254.169.254"]))


@pytest.mark.parametrize(
    ("answers", "allow"),
    [
        (["127.0.0.1"], ()),
        (["8.8.8.8", "127.0.0.1"], ()),
        (["127.0.0.1", "10.0.0.1"], ("loopback",)),
        (["169.254.169.254"], ("169.254.0.0/16", "loopback", "private")),
        (["::ffff:127.0.0.1"], ()),
        (["64:ff9b::7f00:1"], ()),
        (["fe80::1"], ("private",)),
    ],
)
async def test_one_bad_answer_refuses_the_name(server, answers, allow):
    """Not one connection is made."""
    with pytest.raises(AddressRefused, match="may not be reached"):
        await get(f"http://api.example.com:{server.port}/", allow=allow, resolver=names(answers))
    assert server.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::1]"])
async def test_every_spelling_of_an_address_is_judged(server, host):
    """The resolver reads them as it does, and its answer is what counts."""
    with pytest.raises(AddressRefused):
        await get(f"http://{host}:{server.port}/", allow=())
    assert server.asked == []


async def test_the_next_address_is_tried_when_one_does_not_answer(server):
    """`localhost` is often ::1 first, and the server only on 127.0.0.1."""
    assert await get(f"http://x.example:{server.port}/", resolver=names(["127.0.0.9", "127.0.0.1"]))


async def test_a_name_without_an_address_is_unavailable():
    """It may have one later."""
    with pytest.raises(SourceUnavailable, match="no address"):
        await get("http://x.example/", resolver=names([]))


async def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch):
    """It would resolve for us, where we cannot judge."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert await get(f"{server.url}/")
