"""Only what auth signed, for us, and not too long ago, speaks for anybody."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orc_runtime.auth_messages import PublicKey
from orc_runtime.principal import Principal
from orc_runtime.tokens import InvalidToken, UnknownKey, Verifier

USER = UUID("00000000-0000-4000-8000-000000000001")
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def public(key: Ed25519PrivateKey) -> PublicKey:
    x = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)["x"]
    return PublicKey(kid="one", x=x)


VERIFIER = Verifier([public(KEY)])


def claims(**changes: object) -> dict[str, object]:
    now = datetime.now(UTC)
    whole = {
        "iss": "orc",
        "aud": "orc",
        "sub": "user:ann",
        "user_id": str(USER),
        "role": "operator",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": "j",
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def signed(payload: dict[str, object], key=KEY, algorithm="EdDSA", **header: object) -> str:
    return jwt.encode(payload, key, algorithm, headers={"typ": "at+jwt", "kid": "one", **header})


def test_a_good_token():
    """A token of ours names its principal."""
    principal = VERIFIER.verify(signed(claims()))

    assert principal == Principal(subject="user:ann", user_id=USER, role="operator")


BAD = {
    "expired": signed(claims(exp=datetime.now(UTC) - timedelta(seconds=11))),
    "issued in the future": signed(claims(iat=datetime.now(UTC) + timedelta(days=1))),
    "of another audience": signed(claims(aud="other")),
    "of another issuer": signed(claims(iss="other")),
    "of another type": signed(claims(), typ="JWT"),
    "signed by another": signed(claims(), OTHER),
    "signed with a password": signed(claims(), "x" * 32, "HS256"),
    "signed with the public key": signed(claims(), public(KEY).x, "HS256"),
    "not signed": signed(claims(), None, "none"),
    "with an odd role": signed(claims(role="king")),
    "with an odd user": signed(claims(user_id="me")),
    "too long": signed(claims(jti="j" * 5000)),
    "empty": "",
    "no token": "a.b.c",
    "not ascii": "é.é.é",
} | {
    f"without {name}": signed(claims(**{name: None}))
    for name in ("iss", "aud", "sub", "user_id", "role", "iat", "exp", "jti")
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_a_bad_token(token):
    """Whatever is wrong with it, the answer is the same."""
    with pytest.raises(InvalidToken) as caught:
        VERIFIER.verify(token)

    assert (type(caught.value), str(caught.value)) == (InvalidToken, "the token is invalid or has expired")


def test_an_unknown_key():
    """A key not heard of is told apart, so that the keys can be asked for again."""
    with pytest.raises(UnknownKey):
        VERIFIER.verify(signed(claims(), kid="two"))


def test_a_tampered_token():
    """Changing who it speaks for breaks the signature."""
    mine, forged = signed(claims()).split("."), signed(claims(role="admin"), OTHER).split(".")
    with pytest.raises(InvalidToken):
        VERIFIER.verify(".".join([mine[0], forged[1], mine[2]]))
