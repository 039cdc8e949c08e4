"""
The database roles: who owns the tables, who migrates, who runs.

    orc_owner      owns every schema, cannot log in
    orc_migrate    becomes the owner to migrate, and nothing else
    orc_gateway, orc_auth, orc_scheduler, orc_executor    one per service
    orc_auditor    reads the log and the read tables, makes replay schemas

What each may do is in `rights.toml`. Passwords reach the server as SCRAM verifiers, so none can turn up in its statement log.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping

from orc_runtime.database import connect, statement
from orc_runtime.rights import rights

OWNER = "orc_owner"
LOGINS = ("orc_migrate", "orc_gateway", "orc_auth", "orc_scheduler", "orc_executor", "orc_auditor")

SCRAM_ITERATIONS = 4096
COMMAND_SECONDS_MAX = 30.0


async def ensure_roles(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """
    Create what is missing, set the passwords given, and open the database to these roles alone.

    `passwords` maps names of `LOGINS` to passwords; a login left out is created without one and cannot log in by
    password. Raises ValueError for an unknown role or a password outside printable ASCII.
    """
    if unknown := sorted(set(passwords) - set(LOGINS)):
        raise ValueError(f"not a role of ours: {', '.join(unknown)}")
    verifiers = {role: scram_verifier(password) for role, password in passwords.items()}
    async with (
        connect(
            superuser_url, application_name="orc-roles", command_timeout=COMMAND_SECONDS_MAX
        ) as connection,
        connection.transaction(),
    ):
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('orc_roles'))")
        existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role in (OWNER, *LOGINS):
            if role in verifiers or role not in existing:
                verifier = None if role == OWNER else verifiers.get(role)
                await connection.execute(
                    await connection.fetchval(statement("role_statement"), role, verifier)
                )
        roles = rights().postgres.database
        await connection.execute(
            await connection.fetchval(statement("database_grants"), list(roles), list(roles.values()))
        )


def scram_verifier(password: str) -> str:
    """Return what Postgres stores for a password (RFC 5803, SCRAM-SHA-256)."""
    if not password or not password.isascii() or not password.isprintable():
        raise ValueError("a database password is printable ASCII and not empty")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{salt_text}${stored_text}:{server_text}"
