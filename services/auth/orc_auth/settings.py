"""What the auth service reads from the environment."""

from typing import Annotated, ClassVar, Literal

from orc_runtime.master_keys import MasterKeySettings
from orc_runtime.settings import Secret, setting


class AuthSettings(MasterKeySettings, frozen=True, kw_only=True):
    """The auth service's settings."""

    SERVICE: ClassVar[str] = "auth"

    health_port: Annotated[
        int,
        setting(
            "Port of /livez, /readyz and /metrics; 0 takes a free one.",
            env=("ORC_AUTH_HEALTH_PORT",),
            ge=0,
            le=65535,
        ),
    ] = 8081
    mode: Annotated[
        Literal["optional", "required"],
        setting(
            "`optional`: anybody may register and any password will do. "
            "`required`: only an admin makes accounts, and the bootstrap secret the first admin.",
            env=("ORC_AUTH",),
        ),
    ] = "optional"
    bootstrap_secret: Annotated[
        Secret | None,
        setting(
            "Makes the first admin at /auth/bootstrap, of no use once there is one; 16 characters or more.",
            env=("ORC_BOOTSTRAP_SECRET",),
        ),
    ] = None
    bootstrap_secret_file: Annotated[
        str | None,
        setting(
            "The file that holds it instead, which not everybody may read.",
            env=("ORC_BOOTSTRAP_SECRET_FILE",),
        ),
    ] = None
    token_seconds: Annotated[
        int, setting("How long an access token lives.", env=("ORC_AUTH_TOKEN_SECONDS",), ge=60, le=3_600)
    ] = 900
    refresh_seconds: Annotated[
        int,
        setting(
            "How long a session goes on without being refreshed.",
            env=("ORC_AUTH_REFRESH_SECONDS",),
            ge=900,
            le=31_536_000,
        ),
    ] = 604_800
    session_seconds: Annotated[
        int,
        setting(
            "How long a session lasts, however often it is refreshed.",
            env=("ORC_AUTH_SESSION_SECONDS",),
            ge=900,
            le=31_536_000,
        ),
    ] = 2_592_000
    key_days: Annotated[
        int,
        setting(
            "After so many days the next signing key is made.", env=("ORC_AUTH_KEY_DAYS",), ge=1, le=3_650
        ),
    ] = 90
    oidc_issuer: Annotated[
        str | None,
        setting(
            "An OpenID Connect provider that people log in by: what its description calls `issuer`. The gateway reads it too."
        ),
    ] = None
    oidc_client_id: Annotated[str | None, setting("How the provider knows us.")] = None
    oidc_client_secret: Annotated[
        Secret | None, setting("What we prove that with; none for a public client, which PKCE protects.")
    ] = None
    oidc_client_secret_file: Annotated[
        str | None, setting("The file that holds it instead, which not everybody may read.")
    ] = None
    oidc_redirect_url: Annotated[
        str | None, setting("`/auth/oidc/callback` as browsers reach it, and as the provider knows it.")
    ] = None
    oidc_scopes: Annotated[tuple[str, ...], setting("What is asked of the provider.")] = (
        "openid",
        "profile",
        "email",
    )
    oidc_username_claim: Annotated[str, setting("The claim that names an account.")] = "preferred_username"
    oidc_groups_claim: Annotated[str, setting("The claim that tells a person's groups.")] = "groups"
    oidc_roles: Annotated[
        tuple[str, ...],
        setting(
            "Which group gives which role, as `data-team=operator,admins=admin`; `*` is everybody. "
            "Whom no group gives a role does not come in."
        ),
    ] = ()
    oidc_session_seconds: Annotated[
        int,
        setting("How long a session lasts before the provider is asked again.", ge=900, le=31_536_000),
    ] = 43_200
    oidc_ca_file: Annotated[
        str | None,
        setting("Who the provider's certificate may be signed by; by default whom the system trusts."),
    ] = None
    hashes_max: Annotated[
        int,
        setting(
            "Passwords hashed at once; each takes 19 MiB while it is.",
            env=("ORC_AUTH_HASHES_MAX",),
            ge=1,
            le=16,
        ),
    ] = 2
    connections_max: Annotated[
        int, setting("Connections to Postgres.", env=("ORC_AUTH_CONNECTIONS_MAX",), ge=1, le=50)
    ] = 4
