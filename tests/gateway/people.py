"""People of a gateway where a login is needed: made over REST, as anybody would."""

from typing import Any

import httpx

PASSWORD = "a password long enough"
ROOT = "root"


def sent(credential: str) -> dict[str, str]:
    """Return the headers that send it."""
    return {"Authorization": f"Bearer {credential}"}


async def log_in(client: httpx.AsyncClient, username: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the headers of somebody who has logged in."""
    answer = await client.post("/auth/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return sent(answer.json()["token"])


async def first_admin(client: httpx.AsyncClient, secret: str) -> dict[str, str]:
    """Make the first admin, called root, and return its headers."""
    body = {"secret": secret, "username": ROOT, "password": PASSWORD}
    answer = await client.post("/auth/bootstrap", json=body)
    assert answer.status_code == 200, answer.text
    return await log_in(client, ROOT)


async def person(
    client: httpx.AsyncClient, admin: dict[str, str], username: str, role: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Make an account, and return it with its headers."""
    body = {"username": username, "password": PASSWORD, "role": role}
    answer = await client.post("/auth/users", json=body, headers=admin)
    assert answer.status_code == 200, answer.text
    return answer.json(), await log_in(client, username)


async def key(client: httpx.AsyncClient, owner: dict[str, str], *scopes: str) -> dict[str, Any]:
    """Make an API key."""
    answer = await client.post("/auth/api-keys", json={"name": "a key", "scopes": scopes}, headers=owner)
    assert answer.status_code == 200, answer.text
    return answer.json()
