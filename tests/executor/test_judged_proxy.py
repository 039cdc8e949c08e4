"""The proxy that libraries connect through: for its own client alone, to judged addresses alone."""

import asyncio
from base64 import b64encode
from contextlib import suppress

import pytest
from support.web_server import web_server

from orc_domain.egress import parse_egress
from orc_executor.judged_proxy import HEAD_BYTES_MAX, JudgedProxy


async def ask(proxy, text):
    """Send bytes and return all that comes back; `{auth}` stands for the client's password."""
    user, _, place = proxy.url.removeprefix("http://").rpartition("@")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(place.rpartition(":")[2]))
    auth = f"Proxy-Authorization: Basic {b64encode(user.encode()).decode()}"
    writer.write(text.replace("{auth}", auth).encode())
    await writer.drain()
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def test_plain_requests_are_handed_on_and_tunnels_opened():
    """Without what is between client and proxy; one request a connection."""
    with web_server(lambda asked: (200, {}, asked.path.encode())) as web:
        async with JudgedProxy(parse_egress(("loopback",))) as proxy:
            plain = await ask(
                proxy,
                f"GET {web.url}/a?b=1 HTTP/1.1\r\nHost: h\r\n{{auth}}\r\nConnection: keep-alive\r\n\r\n",
            )
            assert plain.endswith(b"\r\n\r\n/a")
            inner = "GET /t HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            tunnel = await ask(proxy, f"CONNECT 127.0.0.1:{web.port} HTTP/1.1\r\n{{auth}}\r\n\r\n{inner}")
            assert tunnel.startswith(b"HTTP/1.1 200 ")
            assert tunnel.endswith(b"\r\n\r\n/t")
        assert [(asked.query, asked.headers["host"]) for asked in web.asked] == [({"b": "1"}, "h"), ({}, "h")]
        assert "proxy-authorization" not in web.asked[0].headers
        assert web.asked[0].headers["connection"] == "close"


@pytest.mark.parametrize(
    "auth", ["", "Proxy-Authorization: Basic b3JjOndyb25n\r\n", "Proxy-Authorization: Bearer x\r\n"]
)
async def test_others_on_the_machine_are_turned_away(auth):
    """Nothing is connected for them."""
    with web_server(lambda _: (200, {}, b"x")) as web:
        async with JudgedProxy(parse_egress(("loopback",))) as proxy:
            for first in (f"GET {web.url}/ HTTP/1.1", f"CONNECT 127.0.0.1:{web.port} HTTP/1.1"):
                assert (await ask(proxy, f"{first}\r\n{auth}\r\n")).startswith(b"HTTP/1.1 407 ")
        assert web.asked == []


@pytest.mark.parametrize(
    "target", ["127.0.0.1:80", "[::1]:80", "localhost:80", "169.254.169.254:80", "2130706433:80"]
)
async def test_an_address_that_may_not_be_reached_is_refused(target):
    """By tunnel and in plain; whoever waits is told which."""
    for first in (f"CONNECT {target} HTTP/1.1", f"GET http://{target}/ HTTP/1.1"):
        async with JudgedProxy(parse_egress(())) as proxy:
            assert (await ask(proxy, f"{first}\r\n{{auth}}\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
            assert "may not be reached" in str(await proxy.refused)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense\r\n{auth}\r\n\r\n",
        "CONNECT x HTTP/1.1\r\n{auth}\r\n\r\n",
        "GET /x HTTP/1.1\r\n{auth}\r\n\r\n",
        "GET ftp://127.0.0.1/x HTTP/1.1\r\n{auth}\r\n\r\n",
        "GET https://127.0.0.1/x HTTP/1.1\r\n{auth}\r\n\r\n",
    ],
)
async def test_what_names_no_place_is_turned_away(text):
    """It is no request to a proxy."""
    async with JudgedProxy(parse_egress(("loopback",))) as proxy:
        assert (await ask(proxy, text)).startswith(b"HTTP/1.1 407 ")


async def test_a_head_without_end_is_cut_off():
    """At the limit."""
    async with JudgedProxy(parse_egress(("loopback",))) as proxy:
        with suppress(ConnectionError):
            assert await ask(proxy, "GET http://h/ HTTP/1.1\r\nX: " + "x" * (HEAD_BYTES_MAX + 10)) == b""
