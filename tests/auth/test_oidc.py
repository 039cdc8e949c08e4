"""Whom the provider vouches for comes in, as the role its groups give, and nobody else does."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from support.oidc_provider import CLIENT, KEY, OTHER, SECRET, scripted_provider

from orc_auth.denial import Busy, Denied, Unauthorized, UsernameTaken
from orc_auth.oidc import logins as logins_module
from orc_auth.oidc import provider as provider_module
from orc_auth.oidc.logins import NotLetIn, ProviderLogins, challenge_of
from orc_auth.oidc.provider import Provider
from orc_auth.oidc.terms import ProviderTerms
from orc_auth.trust import Trusted
from orc_events.event import Position
from orc_events.log import PostgresLog
from orc_runtime.auth_messages.oidc import Begin, Finish, Listener, Redeem, Ticket
from orc_runtime.auth_messages.sessions import LogIn, Opened
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken, Verifier

VERIFIER = "v" * 43


@pytest.fixture
def provider():
    with scripted_provider() as provider:
        yield provider


@pytest.fixture
def terms(provider):
    return ProviderTerms(
        issuer=provider.url,
        client_id=CLIENT,
        client_secret=Secret(SECRET),
        redirect_url="https://orc.example/auth/oidc/callback",
        roles=(("data", "operator"), ("bosses", "admin")),
    )


@pytest.fixture
async def logins(pool, sessions, clock, terms):
    async def tell() -> None:
        return

    async with Provider(terms) as asked:
        yield ProviderLogins(pool, asked, terms, sessions, clock, tell=tell)


@pytest.fixture
def log_in(logins, provider):
    """Go the whole way; what the browser brings may be changed."""

    async def log_in(listener=None, **changes):
        begun = await logins.begin(Begin(listener=listener))
        brought = provider.come_back(begun.url) | {"browser": begun.browser.reveal()} | changes
        return await logins.finish(finish(**brought))

    return log_in


def finish(*, state, code, browser, iss=None) -> Finish:
    return Finish(
        request_id=uuid4(), state=Secret(state), code=Secret(code), browser=Secret(browser), issuer=iss
    )


@pytest.fixture
def who(pool, keys):
    async def judge(opened: Opened):
        return Verifier(await Trusted(pool, keys, token_seconds=900).tell()).verify(opened.token.reveal())

    return judge


async def test_the_first_login_makes_the_account(log_in, who, pool):
    """With the provider's name and the highest role of its groups; the log says who and how."""
    opened = await log_in()
    principal = await who(opened)
    assert (principal.subject, principal.role) == ("user:ann", "operator")
    recorded = await PostgresLog(pool).read(Position(0), 100)
    told = [(event.type, event.actor) for event in recorded if not event.type.startswith("signing_key")]
    assert told == [("user.registered", "user:ann"), ("session.opened", "user:ann")]
    assert '"by":"oidc"' in recorded[-1].data


async def test_the_next_login_is_the_same_account_with_the_role_of_then(log_in, who, provider):
    """A person is who the provider says by `sub`, whatever they are called; a changed role ends what was open."""
    first = await log_in()
    before = await who(first)
    provider.claims |= {"preferred_username": "ann-married", "groups": ["data", "bosses"]}
    second = await who(await log_in())
    assert (second.user_id, second.subject, second.role) == (before.user_id, "user:ann", "admin")
    with pytest.raises(InvalidToken):
        await who(first)


async def test_whom_no_group_gives_a_role_does_not_come_in(log_in, provider, pool):
    """Nor is an account made."""
    provider.claims["groups"] = ["others"]
    with pytest.raises(NotLetIn):
        await log_in()
    assert await pool.fetchval("SELECT count(*) FROM accounts") == 0


async def test_groups_do_not_take_the_last_admin_away(log_in, who, provider, pool, ann):
    """Who is the last active admin and is none by the groups is not let in, and stays it; with another one they follow."""
    provider.claims |= {"sub": "p-2", "preferred_username": "root", "groups": ["bosses"]}
    first = await log_in()
    provider.claims["groups"] = ["data"]
    with pytest.raises(NotLetIn, match="last active admin"):
        await log_in()
    assert (await who(first)).role == "admin"
    await ann("admin")
    assert (await who(await log_in())).role == "operator"


async def test_who_is_not_active_does_not_come_in(log_in, pool):
    """The provider's word does not outweigh an admin's."""
    await log_in()
    await pool.execute("UPDATE accounts SET is_active = false")
    with pytest.raises(NotLetIn):
        await log_in()


async def test_a_name_that_is_taken_here_is_not_taken_over(log_in, ann):
    """An account of the same name that was made here stays whoever's it is."""
    await ann("admin")
    with pytest.raises(UsernameTaken):
        await log_in()


async def test_an_account_of_the_provider_has_no_password(log_in, sessions):
    """No password opens it."""
    await log_in()
    for password in ("", "None", "right"):
        with pytest.raises(Denied):
            await sessions.log_in(
                LogIn(request_id=uuid4(), username="ann", password=Secret(password), address="192.0.2.1")
            )


async def test_groups_may_come_from_userinfo(log_in, who, provider):
    """Where the ID token has none; of the same person alone."""
    del provider.claims["groups"]
    provider.userinfo = {"sub": "p-1", "groups": ["bosses"]}
    assert (await who(await log_in())).role == "admin"
    provider.userinfo["sub"] = "somebody else"
    with pytest.raises(Unauthorized):
        await log_in()


async def test_a_login_is_finished_where_it_was_begun_and_once(logins, provider):
    """Another browser, another state, a state that was used, a provider that is not ours: all the same refusal."""
    begun = await logins.begin(Begin(listener=None))
    brought = provider.come_back(begun.url) | {"browser": begun.browser.reveal()}
    assert await logins.finish(finish(**brought))
    other = await logins.begin(Begin(listener=None))
    strange = provider.come_back(other.url)
    for wrong in (
        brought,
        {**strange, "browser": begun.browser.reveal()},
        {**strange, "state": "made up", "browser": other.browser.reveal()},
    ):
        with pytest.raises(Unauthorized):
            await logins.finish(finish(**wrong))
    third = await logins.begin(Begin(listener=None))
    elsewhere = provider.come_back(third.url) | {
        "browser": third.browser.reveal(),
        "iss": "https://evil.example",
    }
    with pytest.raises(Unauthorized):
        await logins.finish(finish(**elsewhere))


async def test_a_login_does_not_wait_for_ever(log_in, monkeypatch):
    """Who comes back too late begins anew."""
    monkeypatch.setattr(logins_module, "LOGIN_SECONDS_MAX", -1.0)
    with pytest.raises(Unauthorized):
        await log_in()


async def test_so_many_logins_are_under_way_at_most(logins, monkeypatch):
    """A flood of beginnings fills no table; those that were given up make room."""
    monkeypatch.setattr(logins_module, "UNDER_WAY_MAX", 2)
    await logins.begin(Begin(listener=None))
    await logins.begin(Begin(listener=None))
    with pytest.raises(Busy):
        await logins.begin(Begin(listener=None))


async def test_a_program_that_waits_gets_a_ticket(log_in, logins, who):
    """Good once, and only with the secret that it began with."""
    listener = Listener(port=50_000, challenge=challenge_of(VERIFIER))
    ticket = await log_in(listener)
    assert isinstance(ticket, Ticket)
    assert ticket.port == 50_000
    opened = await logins.redeem(redeem(ticket, VERIFIER))
    assert (await who(opened)).subject == "user:ann"
    with pytest.raises(Unauthorized):
        await logins.redeem(redeem(ticket, VERIFIER))
    again = await log_in(listener)
    with pytest.raises(Unauthorized):
        await logins.redeem(redeem(again, "w" * 43))


def redeem(ticket: Ticket, verifier: str) -> Redeem:
    return Redeem(request_id=uuid4(), ticket=ticket.ticket, verifier=Secret(verifier))


def by(**changes):
    """Sign what differs from a right token, None for a claim that is missing."""

    def sign(claims):
        whole = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(whole, KEY, "RS256", headers={"kid": "one"})

    return sign


LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
LIES = {
    "another issuer": by(iss="https://evil.example"),
    "another audience": by(aud="another"),
    "several audiences, and not by us": by(aud=[CLIENT, "another"], azp="another"),
    "another authorised party": by(azp="another"),
    "another nonce": by(nonce="replayed"),
    "no nonce": by(nonce=None),
    "expired": by(exp=LONG_AGO),
    "no end": by(exp=None),
    "nobody": by(sub=""),
    "another's key": lambda claims: jwt.encode(claims, OTHER, "RS256", headers={"kid": "one"}),
    "an unknown key": lambda claims: jwt.encode(claims, OTHER, "RS256", headers={"kid": "two"}),
    "not signed": lambda claims: jwt.encode(claims, None, "none"),
    "signed with our secret": lambda claims: jwt.encode(claims, SECRET, "HS256", headers={"kid": "one"}),
    "no token": lambda _: "nothing",
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_is_not_right_lets_nobody_in(log_in, provider, pool, lie):
    """Whatever is wrong with it."""
    provider.sign = LIES[lie]
    with pytest.raises(Unauthorized):
        await log_in()
    assert await pool.fetchval("SELECT count(*) FROM accounts") == 0


async def test_a_code_of_somebody_else_is_not_taken(logins, provider):
    """A code that was injected fails at the provider, by PKCE."""
    mine, theirs = [await logins.begin(Begin(listener=None)) for _ in range(2)]
    brought = provider.come_back(mine.url) | {"browser": mine.browser.reveal()}
    injected = brought | {"code": provider.come_back(theirs.url)["code"]}
    with pytest.raises(Unauthorized):
        await logins.finish(finish(**injected))


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"issuer": "https://evil.example"}, "calls itself"),
        ({"token_endpoint": None}, "form that is not known"),
    ],
)
async def test_a_provider_that_is_not_ours_is_not_gone_to(logins, provider, described, said):
    """What it says of itself must fit, or nobody is sent there; the answer says that it is the provider's fault."""
    provider.described = described
    with pytest.raises(Denied, match=said) as caught:
        await logins.begin(Begin(listener=None))
    assert caught.value.answer.kind == "unavailable"


async def test_what_a_provider_answers_is_bounded(logins, provider, monkeypatch):
    """In bytes: more is not read."""
    monkeypatch.setattr(provider_module, "ANSWER_BYTES_MAX", 1000)
    provider.padding = b" " * 2000
    with pytest.raises(Denied, match="more than 1000 bytes"):
        await logins.begin(Begin(listener=None))


async def test_strangers_do_not_have_the_keys_fetched_again_and_again(log_in, provider):
    """An unknown key has them fetched once in a while at the most."""
    await log_in()
    provider.sign = LIES["an unknown key"]
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await log_in()
    assert provider.asked.count("/jwks") == 1
