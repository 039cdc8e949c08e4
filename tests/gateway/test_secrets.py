"""Secrets over REST: set, listed and deleted, and what they hold is in no answer, event or log."""

import pytest
from gateway.people import first_admin, person

from orc_runtime.master_keys import new_master_key
from orc_runtime.sealing import Sealing

VALUE = "swordfish-0123456789"
NAME = "github-token"


@pytest.fixture
async def required(start_gateway):
    """Where a login is needed, and there is a master key: a client, and an admin's headers."""
    start_gateway.sealing = Sealing([new_master_key("k1")])
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        yield client, await first_admin(client, start_gateway.bootstrap)


async def test_set_list_delete(required, caplog, capsys):
    """What is told is that there is one, since when and by whom; never what it holds."""
    client, admin = required
    answers = [
        await client.put(f"/secrets/{NAME}", json={"value": VALUE}, headers=admin),
        await client.get("/secrets", headers=admin),
        await client.post("/secrets/rewrap", headers=admin),
        await client.get("/events", headers=admin, params={"limit": 100}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    details = answers[0].json()
    assert set(details) == {"name", "version", "updated_at", "updated_by", "master_key_id"}
    assert (details["name"], details["version"], details["updated_by"]) == (NAME, 1, "user:root")
    assert answers[1].json() == [details]
    assert answers[2].json() == {
        "master_key_id": "k1", "rewrapped": 0, "signing_keys": 0, "left": 0, "unopened": [],
    }  # fmt: skip
    assert (await client.delete(f"/secrets/{NAME}", headers=admin)).status_code == 204
    assert (await client.delete(f"/secrets/{NAME}", headers=admin)).status_code == 404
    said = "".join(answer.text for answer in answers) + caplog.text + capsys.readouterr().out
    assert "secret.set" in said
    assert VALUE not in said


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("No", {"value": VALUE}),
        (NAME, {"value": [VALUE]}),
        (NAME, {"value": VALUE, "more": VALUE}),
        (NAME, {"value": ""}),
        (NAME, {"value": VALUE + "\0"}),
        (NAME, {"value": VALUE * 4000}),
        (NAME, [VALUE]),
        (NAME, VALUE),
    ],
)
async def test_what_is_refused(required, body, name):
    """A problem says what is wrong, and shows nothing of the value."""
    client, admin = required
    answer = await client.put(f"/secrets/{name}", json=body, headers=admin)
    assert (answer.status_code, answer.json()["instance"]) == (400, f"/secrets/{name}")
    assert VALUE not in answer.text


async def test_operators_see_names_alone(required):
    """They list, and change nothing."""
    client, admin = required
    _, operator = await person(client, admin, "bob", "operator")
    assert (await client.get("/secrets", headers=operator)).status_code == 200
    assert (await client.put(f"/secrets/{NAME}", json={"value": VALUE}, headers=operator)).status_code == 403
    assert (await client.delete(f"/secrets/{NAME}", headers=operator)).status_code == 403


async def test_without_a_master_key(start_gateway):
    """Nothing is kept, and the problem names what is to be set."""
    gateway = await start_gateway(auth=True)
    async with gateway.client() as client:
        answer = await client.put(f"/secrets/{NAME}", json={"value": VALUE})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-master-key")
    assert "ORC_MASTER_KEY_FILE" in answer.json()["detail"]
    assert "ORC_MASTER_KEY_COMMAND" in answer.json()["detail"]
