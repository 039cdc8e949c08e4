"""What the gateway reads from the environment."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from orc_domain.egress import EgressPolicy, parse_egress
from orc_domain.egress_items import EgressItem, Port
from orc_runtime.settings import ServiceSettings, setting

Mode = Literal["optional", "required"]


class GatewaySettings(ServiceSettings, frozen=True, kw_only=True):
    """The gateway's settings."""

    SERVICE: ClassVar[str] = "gateway"

    host: Annotated[str, setting("Address of the REST API.")] = "127.0.0.1"
    port: Annotated[int, setting("Port of the REST API; 0 takes a free one.", ge=0, le=65535)] = 8080
    mode: Annotated[
        Mode,
        setting(
            "`optional`: open to everybody, though a token that is sent must be valid. "
            "`required`: nothing but health, the public keys and logging in without a token.",
            env=("ORC_AUTH",),
        ),
    ] = "optional"
    oidc_issuer: Annotated[
        str | None, setting("The provider that people log in by; with it there is /auth/oidc/login.")
    ] = None
    egress_allow: Annotated[
        tuple[EgressItem, ...],
        setting("What may be reached besides public addresses: as the workers have it."),
    ] = ()
    egress_ports: Annotated[
        tuple[Port, ...],
        setting(
            "Ports of public addresses that may be reached besides 80 and 443: as the workers have them."
        ),
    ] = ()
    egress_public: Annotated[
        bool, setting("Whether public addresses may be reached: as the workers have it.")
    ] = True
    connections_max: Annotated[
        int,
        setting(
            "Connections to Postgres for answering requests; projecting takes up to three more.",
            env=("ORC_GATEWAY_CONNECTIONS_MAX",),
            ge=1,
            le=100,
        ),
    ] = 8
    streams_max: Annotated[
        int,
        setting("Live event streams served at once.", env=("ORC_GATEWAY_STREAMS_MAX",), ge=1, le=10_000),
    ] = 200
    trusted_proxies: Annotated[
        tuple[str, ...],
        setting(
            "Addresses and CIDRs of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; "
            "from anybody else they mean nothing."
        ),
    ] = ()
    rate_per_second: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None,
        setting(
            "Requests a second of one principal, or of one address without a token, on all gateways together; "
            "0 for no limit. By default 200, and none where `optional` is open to this machine alone."
        ),
    ] = None
    rate_burst: Annotated[
        Annotated[int, Meta(ge=1, le=10_000_000)] | None,
        setting("Requests that may come at once after a pause; by default those of two seconds."),
    ] = None
    rate_login_per_minute: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None,
        setting(
            "Requests a minute of one address to the routes of /auth that are open to all (login, refresh, bootstrap, "
            "registration), on all gateways together; 0 for no limit. By default 60, and none where `optional` is open "
            "to this machine alone."
        ),
    ] = None

    @property
    def egress(self) -> EgressPolicy:
        """What workers may connect to, by which definitions are judged."""
        return parse_egress(self.egress_allow, self.egress_ports, public=self.egress_public)
