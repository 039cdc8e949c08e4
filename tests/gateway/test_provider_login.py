"""Logging in by a provider that others have written: a browser goes there and back, and a program gets its ticket."""

import json
import re
import subprocess
import sys
import threading
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from prometheus_client import CollectorRegistry

from orc import sso
from orc.embedded.ports import free_ports
from orc_auth.answers import answers
from orc_auth.oidc.logins import ProviderLogins
from orc_auth.oidc.provider import Provider
from orc_auth.oidc.terms import ProviderTerms
from orc_runtime.auth_messages.wire import QUEUE
from orc_runtime.clock import SystemClock
from orc_runtime.settings import Secret

CALLBACK = "http://localhost:8080/auth/oidc/callback"


@pytest.fixture
def provider():
    # In a process of its own: it warns of things that are not ours.
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    claims = {"sub": "p-1", "preferred_username": "ann", "groups": ["data"]}
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--user-claims", json.dumps(claims)], stderr=subprocess.DEVNULL
    ) as server:
        try:
            while True:
                try:
                    httpx.get(f"{url}/jwks", trust_env=False).raise_for_status()
                    break
                except httpx.TransportError:
                    assert server.poll() is None, "the provider did not start"
            yield url
        finally:
            server.kill()


@pytest.fixture
async def client(start_gateway, provider):
    gateway = await start_gateway(auth=True, mode="required", oidc_issuer=provider)
    terms = ProviderTerms(
        issuer=provider,
        client_id="orc",
        client_secret=Secret("what it knows us by"),
        redirect_url=CALLBACK,
        scopes=("openid", "profile", "groups"),
        roles=(("data", "operator"),),
    )
    bus = await gateway.broker.connect()
    identity = start_gateway.identity

    async def tell() -> None:
        return

    async with Provider(terms) as asked, gateway.client() as client:
        logins = ProviderLogins(identity.pool, asked, terms, identity.sessions, SystemClock(), tell=tell)
        for subject, answer in answers(logins.questions(), CollectorRegistry()).items():
            await bus.serve(subject, QUEUE, answer)
        yield client
    await bus.close()


async def log_in_there(url: str, action: str = "authorize") -> str:
    """Do what a person does at the provider; returns where the browser is sent back to."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.post(url, data={"sub": "p-1", "action": action})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def path_of(url: str) -> str:
    assert url.startswith(CALLBACK)
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


async def test_a_browser_goes_there_and_back(client):
    """And gets the tokens of a session, for the role that the groups give."""
    begun = await client.get("/auth/oidc/login")
    assert (begun.status_code, begun.headers["cache-control"]) == (302, "no-store")
    cookie = SimpleCookie(begun.headers["set-cookie"])["orc_login"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/auth/oidc")
    back = await client.get(path_of(await log_in_there(begun.headers["location"])))
    assert (back.status_code, back.headers["cache-control"]) == (200, "no-store")
    me = await client.get("/auth/me", headers={"Authorization": f"Bearer {back.json()['token']}"})
    assert (me.json()["subject"], me.json()["role"]) == ("user:ann", "operator")


async def test_a_login_that_was_begun_elsewhere_is_not_finished(client):
    """A link that somebody sends logs nobody in as the sender."""
    begun = await client.get("/auth/oidc/login")
    back = path_of(await log_in_there(begun.headers["location"]))
    client.cookies.clear()
    assert (await client.get(back)).status_code == 401
    client.cookies.set("orc_login", "made-up", domain="gateway", path="/auth/oidc")
    assert (await client.get(back)).status_code == 401


async def test_a_refusal_there_is_one_here(client):
    """In words of our own: what the provider's query says is quoted nowhere."""
    begun = await client.get("/auth/oidc/login")
    back = path_of(await log_in_there(begun.headers["location"], "deny"))
    answer = await client.get(f"{back}&error_description=%3Cscript%3E")
    assert answer.status_code == 401
    assert "script" not in answer.text


@pytest.mark.parametrize(
    "query",
    ["port=80&challenge=" + "c" * 43, "port=5000", "challenge=" + "c" * 43, "port=5000&challenge=short"],
)
async def test_a_listener_is_judged(client, query):
    """A port of this machine that programs have, and the hash of a secret."""
    answer = await client.get(f"/auth/oidc/login?{query}")
    assert answer.status_code == 400
    assert re.search("port|challenge", answer.json()["errors"][0]["field"])


async def test_the_command_logs_in_by_the_browser(client, monkeypatch):
    """Its listener gets a ticket by the browser, and redeems it with a secret that never left it."""
    shown, found = threading.Event(), {}
    monkeypatch.setattr(sso.webbrowser, "open", lambda _url: False)

    def show(url: str) -> None:
        found["url"] = url
        shown.set()

    def wait() -> None:
        found["ticket"], found["verifier"] = sso.log_in_by_browser("http://gateway", show)

    program = threading.Thread(target=wait)
    program.start()
    assert shown.wait(10)
    begun = await client.get(found["url"].removeprefix("http://gateway"))
    back = await client.get(path_of(await log_in_there(begun.headers["location"])))
    assert back.status_code == 302
    place = back.headers["location"]
    assert set(parse_qs(urlsplit(place).query)) == {"ticket"}
    async with httpx.AsyncClient(trust_env=False) as browser:
        assert (await browser.get(place)).status_code == 200
    program.join(10)
    body = {"ticket": found["ticket"], "verifier": found["verifier"]}
    tokens = (await client.post("/auth/oidc/ticket", json=body)).json()
    assert (await client.get("/jobs", headers={"Authorization": f"Bearer {tokens['token']}"})).json() == []
    assert (await client.post("/auth/oidc/ticket", json=body)).status_code == 401


async def test_without_a_provider_there_is_nothing(start_gateway):
    """No route is open that leads nowhere."""
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        assert (await client.get("/auth/oidc/login")).status_code == 404
