"""Access tokens as auth signs them, and every way known to us of making one that it did not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orc_runtime.auth_messages.trust import PublicKey

USER = UUID("00000000-0000-4000-8000-000000000001")
SESSION = UUID("00000000-0000-4000-8000-000000000002")
OTHER = Ed25519PrivateKey.generate()


def public(key: Ed25519PrivateKey, kid: str) -> PublicKey:
    """Return the public half as auth tells it."""
    return PublicKey(kid=kid, x=_jwk(key)["x"])


def claims(**changes: object) -> dict[str, object]:
    """Return the claims of a good token, but for what is changed; None leaves a claim out."""
    now = datetime.now(UTC)
    whole = {
        "iss": "orc",
        "aud": "orc",
        "sub": "user:ann",
        "user_id": str(USER),
        "role": "operator",
        "sid": str(SESSION),
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=5),
        "jti": "j",
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def signed(payload: dict[str, object], key: Any, kid: str, algorithm: str = "EdDSA", **header: object) -> str:
    """Sign a token."""
    return jwt.encode(payload, key, algorithm, headers={"typ": "at+jwt", "kid": kid, **header})


def forgeries(key: Ed25519PrivateKey, kid: str) -> dict[str, str]:
    """Return tokens that no verifier may take, by what is wrong with them; those of the first part have a true signature."""
    now = datetime.now(UTC)
    good = signed(claims(), key, kid)
    head, body, signature = good.split(".")
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        **{f"without {name}": signed(claims(**{name: None}), key, kid) for name in claims()},
        "expired": signed(claims(exp=now - timedelta(seconds=11)), key, kid),
        "living for years": signed(claims(exp=now + timedelta(days=3650)), key, kid),
        "not good yet": signed(claims(nbf=now + timedelta(minutes=4)), key, kid),
        "issued in the future": signed(claims(iat=now + timedelta(days=1)), key, kid),
        "of another audience": signed(claims(aud="other"), key, kid),
        "of another issuer": signed(claims(iss="other"), key, kid),
        "of another type": signed(claims(), key, kid, typ="JWT"),
        "a refresh token by its type": signed(claims(), key, kid, typ="rt+jwt"),
        "with an odd role": signed(claims(role="king"), key, kid),
        "with an odd user": signed(claims(user_id="me"), key, kid),
        "with an odd session": signed(claims(sid="mine"), key, kid),
        "with an odd subject": _raw(key, kid, {"sub": 7}),
        "with a claim twice": _twice(key, kid),
        "too long": signed(claims(jti="j" * 5000), key, kid),
        "with something critical": signed(claims(), key, kid, crit=["exp"]),
        "with a header more": signed(claims(), key, kid, jku="https://example.com/jwks.json"),
        "with its own key": signed(claims(), OTHER, kid, jwk=_jwk(OTHER)),
        "with the place of its own key": signed(claims(), OTHER, kid, jku="https://example.com/jwks.json"),
        "with its own certificate": signed(claims(), OTHER, kid, x5u="https://example.com/cert.pem"),
        "signed by another": signed(claims(), OTHER, kid),
        "signed by another, of no name": signed(claims(), OTHER, ""),
        "signed by another, of a name that is a path": signed(claims(), OTHER, "../../dev/null"),
        "signed with a password": signed(claims(), "x" * 32, kid, "HS256"),
        "signed with five bytes": _hmac(b"12345", kid),
        "signed with the public key": _hmac(raw, kid),
        "signed with the public key as PEM": _hmac(pem, kid),
        "signed with the public key as its JWK says it": _hmac(public(key, kid).x.encode(), kid),
        "not signed": signed(claims(), None, kid, "none"),
        "not signed, in capitals": _join({"alg": "NONE", "typ": "at+jwt", "kid": kid}, claims(), ""),
        "without its signature": f"{head}.{body}.",
        "with another signature": f"{head}.{body}.{signature[::-1]}",
        "with another's signature": f"{head}.{body}.{signed(claims(), OTHER, kid).split('.')[2]}",
        "with a changed body": f"{head}.{signed(claims(role='admin'), OTHER, kid).split('.')[1]}.{signature}",
        "with a changed head": f"{_part({'alg': 'EdDSA', 'typ': 'at+jwt', 'kid': kid, 'x': 1})}.{body}.{signature}",
        "with a fourth part": f"{good}.{signature}",
        "with padding": f"{good}==",
        "of two parts": f"{head}.{body}",
        "empty": "",
        "no token": "a.b.c",
        "not ASCII": "é.é.é",
        "a list": _join([], [], signature),
    }  # fmt: skip


def _jwk(key: Ed25519PrivateKey) -> dict[str, Any]:
    found: dict[str, Any] = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return found


def _part(content: Any) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content, default=_seconds).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _seconds(value: Any) -> int:
    return int(value.timestamp())


def _join(head: Any, body: Any, signature: str) -> str:
    return f"{_part(head)}.{_part(body)}.{signature}"


def _hmac(secret: bytes, kid: str) -> str:
    """Sign as the library would not: it refuses a short or a public key as a secret."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    unsigned = f"{_part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{_part(claims())}"
    return f"{unsigned}.{_part(algorithm.sign(unsigned.encode(), secret))}"


def _raw(key: Ed25519PrivateKey, kid: str, changes: dict[str, object]) -> str:
    return _sign(key, kid, json.dumps(claims() | changes, default=_seconds).encode())


def _twice(key: Ed25519PrivateKey, kid: str) -> str:
    whole = json.dumps(claims(), default=_seconds)
    return _sign(key, kid, (whole[:-1] + ', "role": "admin"}').encode())


def _sign(key: Ed25519PrivateKey, kid: str, body: bytes) -> str:
    unsigned = f"{_part({'alg': 'EdDSA', 'typ': 'at+jwt', 'kid': kid})}.{_part(body)}"
    return f"{unsigned}.{_part(key.sign(unsigned.encode()))}"
