"""
Logins by a provider.

    begin     a state and a nonce of chance, PKCE's secret, and what the browser keeps; then off to the provider
    finish    the browser is back with a code: the state is taken, once; the provider turns the code into who it was
    redeem    for a program that waits: its ticket becomes tokens

The account is the provider's person, never one of the same name that was made here; its role follows from its groups
at each login. A person whom no group gives a role does not come in.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import asyncpg
import structlog

from orc_auth.answers import Question
from orc_auth.denial import Busy, Denied, Unauthorized, UsernameTaken
from orc_auth.events import Said, UserRegistered, UserRoleChanged, say
from orc_auth.oidc.provider import NotVouched, Provider, ProviderError
from orc_auth.oidc.terms import ProviderTerms
from orc_auth.sessions import Sessions, Tell, end_sessions
from orc_auth.transactions import in_transaction
from orc_auth.usernames import read_username
from orc_events.event import NO_STREAM
from orc_events.statements import load
from orc_runtime.auth_messages.oidc import BEGIN, FINISH, REDEEM, Begin, Begun, Finish, Redeem, Ticket
from orc_runtime.auth_messages.sessions import Opened
from orc_runtime.clock import Clock
from orc_runtime.principal import Principal, Role
from orc_runtime.settings import Secret

log = structlog.stdlib.get_logger()

LOGIN_SECONDS_MAX = 600.0
TICKET_SECONDS_MAX = 60.0
UNDER_WAY_MAX = 10_000
PROVIDER_SECONDS_MAX = 9.5
"""For all that it is asked, and for the database."""
BY = "oidc"


class NotLetIn(Denied):
    """The provider vouches for them, and nothing here lets them in."""

    def __init__(self, detail: str) -> None:
        super().__init__("forbidden", "not-let-in", detail)


class ProviderLogins:
    """Logins by one provider."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        provider: Provider,
        terms: ProviderTerms,
        sessions: Sessions,
        clock: Clock,
        *,
        tell: Tell,
    ) -> None:
        self._pool, self._provider, self._terms = pool, provider, terms
        self._sessions, self._clock, self._tell = sessions, clock, tell

    def questions(self) -> Mapping[str, Question]:
        """Return what may be asked, by subject."""
        return {
            BEGIN: Question(Begin, self.begin, PROVIDER_SECONDS_MAX),
            FINISH: Question(Finish, self.finish, PROVIDER_SECONDS_MAX),
            REDEEM: Question(Redeem, self.redeem),
        }

    async def begin(self, wish: Begin) -> Begun:
        """Return where the browser is to go; raises Busy, or Denied when the provider does not answer."""
        described = await _answered(self._provider.described())
        state, browser, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        listener = wish.listener
        row = await self._pool.fetchrow(
            load("orc_auth", "insert_oidc_login"),
            _sha256(state),
            _sha256(browser),
            nonce,
            verifier,
            None if listener is None else listener.port,
            None if listener is None else listener.challenge,
            LOGIN_SECONDS_MAX,
            UNDER_WAY_MAX,
        )
        if row is None:
            raise Busy
        query = {
            "response_type": "code",
            "client_id": self._terms.client_id,
            "redirect_uri": self._terms.redirect_url,
            "scope": " ".join(self._terms.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in described.authorization_endpoint else "?"
        return Begun(
            url=f"{described.authorization_endpoint}{joint}{urlencode(query)}",
            browser=Secret(browser),
            is_secure=self._terms.redirect_url.startswith("https:"),
        )

    async def finish(self, wish: Finish) -> Opened | Ticket:
        """Return tokens, or a ticket for them; raises Unauthorized, NotLetIn, UsernameTaken, and what begin does."""
        row = await self._pool.fetchrow(load("orc_auth", "take_oidc_login"), _sha256(wish.state.reveal()))
        if row is None or not row["lives"]:
            raise Unauthorized
        if not hmac.compare_digest(row["browser_hash"], _sha256(wish.browser.reveal())):
            raise Unauthorized
        if wish.issuer is not None and wish.issuer != self._terms.issuer:
            raise Unauthorized
        claims = await _answered(
            self._provider.claims(wish.code.reveal(), verifier=row["verifier"], nonce=row["nonce"])
        )
        role = self._terms.role_of(_groups(claims.get(self._terms.groups_claim)))
        if role is None:
            raise NotLetIn("none of the groups that the provider tells gives a role here")
        principal, username, version = await self._account(claims, role, wish.request_id)
        if row["port"] is None:
            return await self._open(principal, username, version, wish.request_id)
        ticket = secrets.token_urlsafe(32)
        await self._pool.execute(
            load("orc_auth", "insert_oidc_ticket"),
            _sha256(ticket),
            principal.user_id,
            row["challenge"],
            TICKET_SECONDS_MAX,
        )
        return Ticket(ticket=Secret(ticket), port=row["port"])

    async def redeem(self, wish: Redeem) -> Opened:
        """Return tokens for a ticket, to whoever began the login; raises Unauthorized."""
        row = await self._pool.fetchrow(load("orc_auth", "take_oidc_ticket"), _sha256(wish.ticket.reveal()))
        if row is None or not hmac.compare_digest(row["challenge"], challenge_of(wish.verifier.reveal())):
            raise Unauthorized
        principal = Principal(subject=f"user:{row['username']}", user_id=row["user_id"], role=row["role"])
        return await self._open(principal, row["username"], row["version"], wish.request_id)

    async def _open(self, principal: Principal, username: str, version: int, request_id: UUID) -> Opened:
        return await self._sessions.open(
            principal, username, request_id, version=version, by=BY, seconds_max=self._terms.session_seconds
        )

    async def _account(
        self, claims: dict[str, Any], role: Role, request_id: UUID
    ) -> tuple[Principal, str, int]:
        """Return the person's account, made at their first login, with the role and the version of now."""
        issuer, subject = self._terms.issuer, claims["sub"]

        async def work(connection: asyncpg.Connection) -> tuple[UUID, str, int, bool]:
            await connection.execute(load("orc_auth", "lock_admins"))
            row = await connection.fetchrow(load("orc_auth", "account_of_provider"), issuer, subject)
            if row is None:
                user_id, username = await self._make(connection, claims, role, request_id)
                return user_id, username, 1, False
            if not row["is_active"]:
                raise NotLetIn("the account is not active")
            if row["role"] == role:
                return row["user_id"], row["username"], row["version"], False
            if await connection.fetchval(load("orc_auth", "is_last_admin"), row["user_id"]):
                raise NotLetIn(
                    "the groups that the provider tells give no admin any more, and this is the last active admin: "
                    "give the person the group back, or have them make another admin while they are logged in"
                )
            version = await connection.fetchval(load("orc_auth", "follow_provider"), row["user_id"], role)
            said = [
                Said(row["version"], (UserRoleChanged(user_id=row["user_id"], role=role),), uuid4()),
                *await end_sessions(connection, row["user_id"], "account"),
            ]
            actor = Principal(subject=f"user:{row['username']}", user_id=row["user_id"], role=role)
            await say(connection, said, actor=actor, request_id=request_id, clock=self._clock)
            return row["user_id"], row["username"], version, True

        user_id, username, version, has_ended = await in_transaction(self._pool, work)
        if has_ended:
            await self._tell()
        return Principal(subject=f"user:{username}", user_id=user_id, role=role), username, version

    async def _make(
        self, connection: asyncpg.Connection, claims: dict[str, Any], role: Role, request_id: UUID
    ) -> tuple[UUID, str]:
        given = claims.get(self._terms.username_claim) or claims.get("email") or claims["sub"]
        username = read_username(str(given))
        user_id = uuid4()
        row = await connection.fetchrow(
            load("orc_auth", "insert_account_of_provider"),
            user_id,
            username.shown,
            username.key,
            role,
            self._terms.issuer,
            claims["sub"],
        )
        if row is None:
            raise UsernameTaken(username.shown)
        said = [
            Said(NO_STREAM, (UserRegistered(user_id=user_id, username=username.shown, role=role),), uuid4())
        ]
        actor = Principal(subject=f"user:{username.shown}", user_id=user_id, role=role)
        await say(connection, said, actor=actor, request_id=request_id, clock=self._clock)
        return user_id, username.shown


def challenge_of(verifier: str) -> str:
    """Return PKCE's challenge (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def _answered(asked: Any) -> Any:
    try:
        return await asked
    except ProviderError as error:
        log.warning("the provider does not answer as it should", reason=str(error))
        raise Denied("unavailable", "provider-away", f"the identity provider: {error}") from error
    except NotVouched as error:
        log.info("login by the provider refused", reason=str(error))
        raise Unauthorized from error


def _groups(claim: object) -> set[str]:
    found = claim if isinstance(claim, list) else [claim]
    return {one for one in found if isinstance(one, str)}


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
