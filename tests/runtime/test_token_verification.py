"""Only what auth signed, for us, not too long ago and for a session that lives, speaks for anybody."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.forgeries import SESSION, USER, claims, forgeries, public, signed

from orc_runtime.auth_messages.trust import Trust
from orc_runtime.principal import Principal
from orc_runtime.tokens import InvalidToken, UnknownKey, Verifier

KEY = Ed25519PrivateKey.generate()
TRUST = Trust(keys=(public(KEY, "one"),), ended=())
VERIFIER = Verifier(TRUST)
NAMES = tuple(forgeries(KEY, "one"))
NAMELESS = {"signed by another, of no name", "signed by another, of a name that is a path"}
"""They name no key of ours, which is told apart."""


def test_a_good_token():
    """A token of ours names its principal."""
    principal = VERIFIER.verify(signed(claims(), KEY, "one"))

    assert principal == Principal(subject="user:ann", user_id=USER, role="operator", session_id=SESSION)


def test_there_are_forty_forgeries_at_least():
    """As many as were promised."""
    assert len(set(forgeries(KEY, "one").values())) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_a_forgery(name):
    """Whatever is wrong with it, the answer is the same."""
    with pytest.raises(InvalidToken) as caught:
        # Made now: later it would be refused for its age.
        VERIFIER.verify(forgeries(KEY, "one")[name])

    assert type(caught.value) is (UnknownKey if name in NAMELESS else InvalidToken)
    assert str(caught.value) == "the token is invalid or has expired"


def test_an_unknown_key():
    """A key not heard of is told apart, so that the keys can be asked for again."""
    with pytest.raises(UnknownKey):
        VERIFIER.verify(signed(claims(), KEY, "two"))


def test_a_session_that_was_ended():
    """Its tokens are void before they expire; another session's are not."""
    verifier = Verifier(Trust(keys=TRUST.keys, ended=(SESSION,)))
    with pytest.raises(InvalidToken):
        verifier.verify(signed(claims(), KEY, "one"))
    assert verifier.verify(signed(claims(sid=str(UUID(int=9))), KEY, "one"))


def test_a_token_of_before_the_news_reach():
    """When not all ends could be listed, what is older than those that were is void."""
    now = datetime.now(UTC)
    verifier = Verifier(Trust(keys=TRUST.keys, ended=(), tokens_from=now - timedelta(seconds=100)))
    with pytest.raises(InvalidToken):
        verifier.verify(signed(claims(iat=now - timedelta(seconds=101)), KEY, "one"))
    assert verifier.verify(signed(claims(iat=now - timedelta(seconds=98)), KEY, "one"))
