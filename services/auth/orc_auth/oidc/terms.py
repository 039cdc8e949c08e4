"""What an installation has agreed on with its provider, and which groups give which role."""

from typing import get_args
from urllib.parse import urlsplit

from msgspec import Struct

from orc_auth.settings import AuthSettings
from orc_runtime.access import RANKS
from orc_runtime.principal import Role
from orc_runtime.secret_files import read_secret_file
from orc_runtime.settings import Secret, SettingsError

ANYBODY = "*"
"""In place of a group: whoever the provider knows."""
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class ProviderTerms(Struct, frozen=True, kw_only=True):
    """One provider, and we as its client."""

    issuer: str
    client_id: str
    client_secret: Secret | None
    """None for a public client, which PKCE alone protects."""
    redirect_url: str
    """Of our /auth/oidc/callback, as browsers reach it and the provider knows it."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    username_claim: str = "preferred_username"
    groups_claim: str = "groups"
    roles: tuple[tuple[str, Role], ...] = ()
    """Which group gives which role."""
    session_seconds: int = 43_200
    ca_file: str | None = None

    def role_of(self, groups: set[str]) -> Role | None:
        """Return the highest role that the groups give; None when they give none."""
        given = [role for group, role in self.roles if group == ANYBODY or group in groups]
        return max(given, key=RANKS.__getitem__, default=None)


def read_roles(items: tuple[str, ...]) -> tuple[tuple[str, Role], ...]:
    """Read `group=role` items; raises SettingsError naming a bad one."""
    roles = []
    for item in items:
        group, _, role = item.rpartition("=")
        if not group.strip() or role.strip() not in get_args(Role):
            raise SettingsError(
                [f"ORC_OIDC_ROLES: {item!r} is not group=role, the role one of {', '.join(get_args(Role))}"]
            )
        roles.append((group.strip(), role.strip()))
    return tuple(roles)  # type: ignore[arg-type]


def check_url(variable: str, url: str) -> str:
    """Return a URL that is https, or http on this machine; raises SettingsError."""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.hostname or parts.username or parts.fragment:
        raise SettingsError([f"{variable}: must be an https URL; http is for this machine alone"])
    return url


def provider_terms(settings: AuthSettings) -> ProviderTerms:
    """Return what the settings say of the provider; raises SettingsError naming what is missing or wrong."""
    given = {
        "ORC_OIDC_ISSUER": settings.oidc_issuer,
        "ORC_OIDC_CLIENT_ID": settings.oidc_client_id,
        "ORC_OIDC_REDIRECT_URL": settings.oidc_redirect_url,
        "ORC_OIDC_ROLES": settings.oidc_roles,
    }
    if missing := [name for name, value in given.items() if not value]:
        raise SettingsError([f"{name} is not set, and a provider needs it" for name in missing])
    secret = settings.oidc_client_secret
    if settings.oidc_client_secret_file is not None:
        secret = read_secret_file("ORC_OIDC_CLIENT_SECRET_FILE", settings.oidc_client_secret_file)
    return ProviderTerms(
        issuer=check_url("ORC_OIDC_ISSUER", str(settings.oidc_issuer)),
        client_id=str(settings.oidc_client_id),
        client_secret=secret,
        redirect_url=check_url("ORC_OIDC_REDIRECT_URL", str(settings.oidc_redirect_url)),
        scopes=settings.oidc_scopes,
        username_claim=settings.oidc_username_claim,
        groups_claim=settings.oidc_groups_claim,
        roles=read_roles(settings.oidc_roles),
        session_seconds=settings.oidc_session_seconds,
        ca_file=settings.oidc_ca_file,
    )
