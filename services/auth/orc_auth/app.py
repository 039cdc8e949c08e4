"""
The auth service, wired: Postgres for the accounts, core NATS for the questions, and its own health.

    read the master keys
    wait for Postgres, for its migrations, for NATS    →    the first signing key    →    answer until told to stop
"""

from contextlib import AsyncExitStack

from orc_auth.answers import answers
from orc_auth.bootstrap_secret import bootstrap_secret
from orc_auth.identity import Identity, Terms
from orc_auth.keys_at_rest import KeysAtRest
from orc_auth.oidc.terms import provider_terms
from orc_auth.passwords import Passwords
from orc_auth.purging import purge_sessions
from orc_auth.sealers import MasterSealer, NoMasterKey
from orc_auth.settings import AuthSettings
from orc_auth.vault import Vault
from orc_runtime.auth_messages.trust import CHANGED
from orc_runtime.auth_messages.wire import QUEUE
from orc_runtime.clock import SystemClock
from orc_runtime.connections import open_bus, open_database
from orc_runtime.database import UNREACHABLE, close_pool
from orc_runtime.health import serve_side
from orc_runtime.lifecycle import Lifecycle
from orc_runtime.master_keys import load_master_keys
from orc_runtime.metrics import create_registry
from orc_runtime.sealing import Sealing

STATEMENT_SECONDS_MAX = 2.0
"""Somebody waits at the other end: an answer later than this comes too late."""


async def serve(lifecycle: Lifecycle, settings: AuthSettings) -> None:
    """Live the service's life; returns when told to stop."""
    terms = terms_of(settings)
    agreed = provider_terms(settings) if settings.oidc_issuer is not None else None
    master_keys = await load_master_keys(settings)
    sealing = Sealing(master_keys) if master_keys else None
    registry = create_registry(settings.SERVICE)
    async with AsyncExitStack() as resources:
        await resources.enter_async_context(
            serve_side(lifecycle.health, registry, settings.health_host, settings.health_port)
        )
        pool = await open_database(
            lifecycle,
            settings,
            schema="auth",
            size_max=settings.connections_max,
            statement_seconds_max=STATEMENT_SECONDS_MAX,
        )
        resources.push_async_callback(close_pool, pool)
        bus, nats_closed = await open_bus(lifecycle, settings)
        resources.push_async_callback(bus.close)
        passwords = Passwords(hashes_max=settings.hashes_max)
        resources.callback(passwords.close)

        async def tell() -> None:
            # Who does not hear it asks within two seconds all the same.
            bus.poke(CHANGED)

        sealer = MasterSealer(sealing) if sealing else NoMasterKey()
        keys_at_rest = KeysAtRest(pool, sealer)
        identity = Identity(pool, passwords, sealer, SystemClock(), terms, tell=tell)
        await lifecycle.wait_for("signing key", identity.keys.prepare, UNREACHABLE)
        await lifecycle.wait_for("signing key", keys_at_rest.prepare, UNREACHABLE)
        vault = Vault(pool, identity.authority, sealing, keys_at_rest, SystemClock())
        questions = {**identity.questions(), **vault.questions()}
        if agreed is not None:
            # An HTTP client takes memory, and most have no provider.
            from orc_auth.oidc.logins import ProviderLogins  # noqa: PLC0415
            from orc_auth.oidc.provider import Provider  # noqa: PLC0415

            provider = await resources.enter_async_context(Provider(agreed))
            logins = ProviderLogins(pool, provider, agreed, identity.sessions, SystemClock(), tell=tell)
            questions |= logins.questions()
        for subject, answer in answers(questions, registry).items():
            service = await bus.serve(subject, QUEUE, answer)
            resources.push_async_callback(service.close)
        lifecycle.health.started()
        async with lifecycle.duties() as start:
            start("nats", nats_closed.wait())
            start("signing keys", identity.keys.keep_young())
            start("purge", purge_sessions(pool))


def terms_of(settings: AuthSettings) -> Terms:
    """Return what the settings say about identity; raises SettingsError."""
    return Terms(
        is_open=settings.mode == "optional",
        bootstrap_secret=bootstrap_secret(settings),
        token_seconds=settings.token_seconds,
        refresh_seconds=settings.refresh_seconds,
        session_seconds=settings.session_seconds,
        key_days=settings.key_days,
    )
