"""
What each service is told, through its environment and nothing else.

A service gets the URLs of its own database role and of its own NATS user and no others; only the executor gets the
secrets that jobs refer to, only auth the one that makes the first admin, and only these two the master keys.
"""

import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from orc.embedded.errors import SettingsWrong

SERVICES = ("auth", "scheduler", "executor", "gateway")
ROLES = ("orc_migrate", "orc_gateway", "orc_auth", "orc_scheduler", "orc_executor", "orc_auditor")
MIGRATE = "orc_migrate"
FOR_AUTH = ("ORC_BOOTSTRAP_", "ORC_OIDC_CLIENT_SECRET")
"""What the names begin with of what makes the first admin, and of what a provider knows us by."""
FOR_SEALING = ("ORC_MASTER_KEY_FILE", "ORC_MASTER_KEY_COMMAND")
"""What auth seals with and the executor opens with."""
_SERVER_URL = re.compile(r"ORC_((\w+_)?DATABASE_|NATS_(\w+_)?|POSTGRES_SUPERUSER_)?URL")
"""Of a database, of NATS, or of the gateway."""


def database_variable(role: str) -> str:
    """Name the variable that holds a role's URL."""
    return "ORC_DATABASE_URL" if role == MIGRATE else f"ORC_{role.removeprefix('orc_').upper()}_DATABASE_URL"


def is_external(environ: Mapping[str, str]) -> bool:
    """Say whether somebody else runs Postgres and NATS; raises SettingsWrong when only one of them is named."""
    given = [name for name in ("ORC_DATABASE_URL", "ORC_NATS_URL") if environ.get(name)]
    if len(given) == 1:
        raise SettingsWrong(f"{given[0]} is set alone: set ORC_DATABASE_URL and ORC_NATS_URL, or neither")
    return bool(given)


def external_urls(environ: Mapping[str, str], passwords: Mapping[str, str]) -> dict[str, str]:
    """
    Return every URL of external servers.

    Who may create roles does so: given by ORC_POSTGRES_SUPERUSER_URL, or by an ORC_DATABASE_URL that is not
    orc_migrate's. Then the roles' URLs follow from that one and `passwords`. Else each has to be given.
    """
    urls = {
        name: value
        for name, value in environ.items()
        if name.startswith("ORC_NATS_") and name.endswith("_URL")
    }
    given = environ["ORC_DATABASE_URL"]
    creator = environ.get("ORC_POSTGRES_SUPERUSER_URL") or (
        given if urlsplit(given).username != MIGRATE else None
    )
    missing = []
    for role in ROLES:
        name = database_variable(role)
        if environ.get(name) and not (role == MIGRATE and creator == given):
            urls[name] = environ[name]
        elif creator:
            urls[name] = _as_role(creator, role, passwords[role])
        elif role != "orc_auditor":
            missing.append(name)
    if missing:
        raise SettingsWrong(
            f"not set: {', '.join(missing)}; or set ORC_POSTGRES_SUPERUSER_URL, and the roles are made"
        )
    return {**urls, **({"ORC_POSTGRES_SUPERUSER_URL": creator} if creator else {})}


def service_environment(
    service: str, environ: Mapping[str, str], urls: Mapping[str, str], defaults: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of one service: what we were given, our defaults, its own URLs."""
    kept = {
        name: value
        for name, value in environ.items()
        if not _SERVER_URL.fullmatch(name)
        and (service == "executor" or not name.startswith("ORC_SECRET_"))
        and (service == "auth" or not name.startswith(FOR_AUTH))
        and (service in {"auth", "executor"} or name not in FOR_SEALING)
    }
    nats = urls.get(f"ORC_NATS_{service.upper()}_URL", urls["ORC_NATS_URL"])
    if service not in {"auth", "executor"} or any(kept.get(name) for name in FOR_SEALING):
        defaults = {name: value for name, value in defaults.items() if name not in FOR_SEALING}
    kept_or_default = {**defaults, **{name: value for name, value in kept.items() if value}}
    return {
        **kept_or_default,
        # Roots add up: what a person names comes before where the stack was started.
        "ORC_FILE_ROOTS": os.pathsep.join(
            filter(None, [kept.get("ORC_FILE_ROOTS"), defaults["ORC_FILE_ROOTS"]])
        ),
        "ORC_DATABASE_URL": urls[database_variable(f"orc_{service}")],
        "ORC_NATS_URL": nats,
        "PYTHONUNBUFFERED": "1",
    }


def bootstrap_environment(environ: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """Return what makes the database: the creator's URL when there is one, and every role's."""
    return {**{name: value for name, value in environ.items() if not name.startswith("ORC_")}, **urls}


def _as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    netloc = f"{role}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc))
