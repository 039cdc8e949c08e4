"""API keys over REST: told once, good for what they say, and for nothing within seconds of being revoked."""

import asyncio

import pytest
from gateway.people import first_admin, key, person, sent

from orc_gateway import api_keys as api_keys_module
from orc_gateway.api_keys import ApiKeys
from orc_gateway.auth_client import unauthorized
from orc_gateway.problems import Unavailable
from orc_runtime.api_key_text import new_key
from orc_runtime.auth_messages.api_keys import KeyOwner
from orc_runtime.principal import Principal
from orc_runtime.tokens import InvalidToken


@pytest.fixture
async def required(start_gateway):
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        yield client


@pytest.fixture
async def admin(required, start_gateway):
    """Give the headers of the first admin."""
    return await first_admin(required, start_gateway.bootstrap)


async def test_a_key_acts_for_its_owner(required, admin, body):
    """What a key does is in the log as its owner's, by which key; it is told once, and never stored by a browser."""
    _, bob = await person(required, admin, "bob", "operator")
    made = await required.post("/auth/api-keys", json={"name": "ci", "scopes": ["jobs:*"]}, headers=bob)
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    assert (await required.post("/jobs", json=body(), headers=sent(made.json()["key"]))).status_code == 200

    [event] = (await required.get("/events?type=job.created", headers=admin)).json()
    assert event["actor"] == f"user:bob/key:{made.json()['key_id']}"
    [listed] = (await required.get("/auth/api-keys", headers=bob)).json()
    assert listed == {
        name: value for name, value in made.json().items() if name not in {"key", "last_used_at"}
    } | {"last_used_at": listed["last_used_at"]}
    assert listed["last_used_at"] is not None


async def test_who_lists_and_revokes(required, admin):
    """One's own, and an admin everybody's; others' keys are not to be found."""
    _, bob = await person(required, admin, "bob", "operator")
    _, eve = await person(required, admin, "eve", "operator")
    bobs = await key(required, bob, "*")
    path = f"/auth/api-keys/{bobs['key_id']}"

    assert (await required.get("/auth/api-keys", headers=eve)).json() == []
    assert (await required.get("/auth/api-keys?everybody=true", headers=eve)).status_code == 403
    assert len((await required.get("/auth/api-keys?everybody=true", headers=admin)).json()) == 1
    statuses = [(await required.delete(path, headers=headers)).status_code for headers in (eve, bob, admin)]
    assert statuses == [404, 204, 204]


async def test_revoked(required, admin, monkeypatch):
    """A key that is revoked is refused as soon as this gateway heard of it, though it was remembered."""
    monkeypatch.setattr(api_keys_module, "REMEMBERED_SECONDS", 600.0)
    made = await key(required, admin, "*")
    headers = sent(made["key"])
    assert (await required.get("/jobs", headers=headers)).status_code == 200
    assert (await required.delete(f"/auth/api-keys/{made['key_id']}", headers=admin)).status_code == 204
    async with asyncio.timeout(30):
        while (await required.get("/jobs", headers=headers)).status_code != 401:
            pass


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": ["jobs:raed"]}, "scopes[0]"),
        ({"scopes": []}, "scopes"),
        ({"name": ""}, "name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"more": 1}, "more"),
    ],
    ids=str,
)
async def test_bad_keys(required, admin, change, field):
    """What no key may be is 400, naming the field and what would be valid."""
    body = {"name": "ci", "scopes": ["jobs:read"]} | change
    answer = await required.post("/auth/api-keys", json=body, headers=admin)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_a_key_makes_no_more_of_itself(required, admin):
    """It makes no keys, changes no password, and has no session to end."""
    headers = sent((await key(required, admin, "*"))["key"])
    answers = [
        await required.post("/auth/api-keys", json={"name": "x", "scopes": ["*"]}, headers=headers),
        await required.post("/auth/password", json={"old": "x", "new": "y"}, headers=headers),
        await required.post("/auth/logout", json={}, headers=headers),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "not-by-key"), (403, "not-by-key"), (403, "no-session"),
    ]  # fmt: skip


async def test_nobody_has_keys(client):
    """Where no login is needed, a key still has to speak for somebody."""
    answers = [
        await client.post("/auth/api-keys", json={"name": "x", "scopes": ["*"]}),
        await client.post("/auth/password", json={"old": "x", "new": "y"}),
    ]
    assert [answer.status_code for answer in answers] == [401, 401]


PRINCIPAL = Principal(subject="user:bob/key:x", user_id=None, role="operator", scopes=("*",))


class Auth:
    """An auth service that counts what it is asked."""

    def __init__(self) -> None:
        self.asked, self.began, self.answer = 0, asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None
        self.answer.set()

    async def ask(self, _subject, _wish, _into):
        self.asked += 1
        self.began.set()
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        return KeyOwner(principal=PRINCIPAL)


async def refused(keys: ApiKeys, text: str) -> bool:
    try:
        await keys.verify(text)
    except InvalidToken:
        return True
    return False


async def test_asked_once(monkeypatch):
    """Many who send one key have auth asked once, and again when it was remembered for long enough."""
    auth, text = Auth(), new_key().text.reveal()
    keys = ApiKeys(auth)
    found = await asyncio.gather(*(keys.verify(text) for _ in range(20)))
    assert (set(map(str, found)), auth.asked) == ({str(PRINCIPAL)}, 1)
    assert (await keys.verify(text), auth.asked) == (PRINCIPAL, 1)
    monkeypatch.setattr(api_keys_module, "REMEMBERED_SECONDS", -1.0)
    keys.forget()
    await keys.verify(text)
    await keys.verify(text)
    assert auth.asked == 3


async def test_mangled_keys_are_not_asked_for():
    """A key whose checksum is wrong is refused without troubling anybody."""
    auth, text = Auth(), new_key().text.reveal()
    assert [await refused(ApiKeys(auth), one) for one in (text[:-1] + "!", "orc_x", text.upper())] == [
        True
    ] * 3
    assert auth.asked == 0


async def test_bad_keys_are_remembered_apart(monkeypatch):
    """So are keys that there are not; but however many of them come, they push no good key out."""
    monkeypatch.setattr(api_keys_module, "REMEMBERED_MAX", 3)
    auth, good = Auth(), new_key().text.reveal()
    keys = ApiKeys(auth)
    await keys.verify(good)
    auth.error = unauthorized("no")
    bad = [new_key().text.reveal() for _ in range(10)]
    assert [await refused(keys, text) for text in [*bad, bad[-1]]] == [True] * 11
    assert (await keys.verify(good), auth.asked) == (PRINCIPAL, 11)


async def test_an_answer_from_before_is_not_remembered():
    """What was being answered when something was ended is asked for again."""
    auth, text = Auth(), new_key().text.reveal()
    keys = ApiKeys(auth)
    auth.answer.clear()
    first = asyncio.create_task(keys.verify(text))
    await auth.began.wait()
    keys.forget()
    auth.answer.set()
    await first
    auth.error = unauthorized("revoked")
    assert await refused(keys, text)


async def test_auth_away():
    """When auth does not answer nobody is let in, and nothing is remembered of it."""
    auth, text = Auth(), new_key().text.reveal()
    keys = ApiKeys(auth)
    auth.error = Unavailable("away")
    with pytest.raises(Unavailable):
        await keys.verify(text)
    auth.error = None
    assert await keys.verify(text) == PRINCIPAL


async def test_whoever_gives_up_leaves_the_others_their_answer():
    """A caller that goes away while auth is asked ends the question for nobody."""
    auth, text = Auth(), new_key().text.reveal()
    keys = ApiKeys(auth)
    auth.answer.clear()
    first, second = (asyncio.create_task(keys.verify(text)) for _ in range(2))
    await auth.began.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    auth.answer.set()
    assert (await second, auth.asked) == (PRINCIPAL, 1)
