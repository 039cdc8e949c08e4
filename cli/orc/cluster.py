"""
The credentials of a cluster, made where they are used: one Secret with every password and what is built of them.

    passwords by chance ──▶ URLs of Postgres and NATS ──▶ Secret orc-credentials

It is created, never changed: a second try finds it there and leaves it. The configuration of NATS is no part of it, so
that rights can change: it is a ConfigMap of the manifests, made of the matrix by `rights_files.py`, and takes the
passwords from the server's environment.
"""

import json
import secrets
import ssl
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from orc.embedded.environment import ROLES, database_variable
from orc.embedded.nats import USERS
from orc.errors import CommandError
from orc.master_key_file import new_key_id
from orc_runtime.master_keys import master_key_lines, new_master_key

NAME = "orc-credentials"
DATABASE = "orc"
ANSWER_SECONDS_MAX = 10.0
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CREATED, _EXISTS = 201, 409


class NotInCluster(CommandError):
    """There is no service account here to speak to the API server with."""

    def __init__(self) -> None:
        super().__init__(
            "not in a cluster: no service account token here; without --kubernetes the Secret is printed"
        )


class ClusterRefused(CommandError):
    """The API server did not take the Secret."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the API server refused the Secret {NAME}: {status} {reason}")


def secret(namespace: str, *, postgres: str = "postgres:5432", nats: str = "nats:4222") -> dict[str, object]:
    """Return the manifest of a new Secret, with new passwords, for servers at these names."""
    values = _values({role: secrets.token_urlsafe(24) for role in ("postgres", *ROLES)}, postgres, nats)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": namespace},
        "type": "Opaque",
        "data": {name: b64encode(value.encode()).decode() for name, value in values.items()},
    }


def create(manifest: dict[str, object], environ: Mapping[str, str]) -> bool:
    """Create the Secret through the API server; False when it is there already. Raises NotInCluster, ClusterRefused."""
    if not (_ACCOUNT / "token").exists():
        raise NotInCluster
    namespace = (_ACCOUNT / "namespace").read_text().strip()
    server = f"{environ['KUBERNETES_SERVICE_HOST']}:{environ['KUBERNETES_SERVICE_PORT']}"
    request = Request(
        f"https://{server}/api/v1/namespaces/{namespace}/secrets",
        data=json.dumps(manifest).encode(),
        headers={
            "Authorization": f"Bearer {(_ACCOUNT / 'token').read_text().strip()}",
            "Content-Type": "application/json",
        },
        method="POST",
    )
    trust = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    # The API server is spoken to directly: a proxy would see the token.
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=trust))
    try:
        with opener.open(request, timeout=ANSWER_SECONDS_MAX) as answer:
            return int(answer.status) == _CREATED
    except HTTPError as error:
        if error.code == _EXISTS:
            return False
        raise ClusterRefused(error.code, error.reason) from error
    except OSError as error:
        raise ClusterRefused(0, str(error)) from error


def namespace_of(environ: Mapping[str, str]) -> str:
    """Return the namespace that is meant: ORC_NAMESPACE, by default `orc`."""
    return environ.get("ORC_NAMESPACE") or "orc"


def password_variable(user: str) -> str:
    """Name the variable that a NATS server of the cluster has a user's password in."""
    return f"ORC_NATS_{user.upper()}_PASSWORD"


def _values(passwords: Mapping[str, str], postgres: str, nats: str) -> dict[str, str]:
    # The server reads its environment in its own format, where a text that begins with a digit may be a number.
    users = {user: f"p{secrets.token_urlsafe(24)}" for user in USERS}
    return {
        "POSTGRES_PASSWORD": passwords["postgres"],
        "ORC_POSTGRES_SUPERUSER_URL": f"postgresql://postgres:{passwords['postgres']}@{postgres}/{DATABASE}",
        **{
            database_variable(role): f"postgresql://{role}:{passwords[role]}@{postgres}/{DATABASE}"
            for role in ROLES
        },
        **{f"ORC_NATS_{user.upper()}_URL": f"nats://{user}:{users[user]}@{nats}" for user in USERS},
        **{password_variable(user): password for user, password in users.items()},
        "ORC_BOOTSTRAP_SECRET": secrets.token_urlsafe(32),
        "master.key": master_key_lines([new_master_key(new_key_id())]).reveal(),
    }
