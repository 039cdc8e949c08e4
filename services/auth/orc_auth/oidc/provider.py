"""
The provider: found by its issuer, asked for tokens by code, and believed when its signature and every claim are right.

What it answers is bounded in bytes and time. Its description and keys are kept for a while; a key that is not known
has the keys fetched again, but not at a stranger's pace.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Self

import httpx
import jwt
import msgspec
from msgspec import Struct

from orc_auth.oidc.terms import ProviderTerms

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those of asymmetric keys: what a client secret signs, whoever knows the secret can sign."""
ANSWER_SECONDS_MAX = 3.0
ANSWER_BYTES_MAX = 1024 * 1024
KEPT_SECONDS = 3_600.0
STRANGER_SECONDS = 30.0
LEEWAY_SECONDS = 60
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")
SUBJECT_CHARS_MAX = 255


class ProviderError(Exception):
    """The provider did not answer, or not as one does; nobody's fault here."""


class NotVouched(Exception):
    """The provider does not vouch for this login."""


class Described(Struct, frozen=True):
    """What /.well-known/openid-configuration says (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class Provider:
    """One provider; use it as an async context manager."""

    def __init__(self, terms: ProviderTerms) -> None:
        self._terms = terms
        context = ssl.create_default_context(cafile=terms.ca_file)
        self._http = httpx.AsyncClient(
            timeout=ANSWER_SECONDS_MAX, trust_env=False, follow_redirects=False, verify=context
        )
        self._described: Described | None = None
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._described_at = self._keys_at = float("-inf")
        self._asking = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def described(self) -> Described:
        """Return what the provider says of itself; raises ProviderError."""
        async with self._asking:
            if self._described is None or _now() - self._described_at > KEPT_SECONDS:
                url = self._terms.issuer.rstrip("/") + "/.well-known/openid-configuration"
                found = _read(await self._get(url), Described)
                if found.issuer != self._terms.issuer:
                    raise ProviderError(f"it calls itself {found.issuer[:200]}, not ORC_OIDC_ISSUER")
                self._described, self._described_at = found, _now()
            return self._described

    async def claims(self, code: str, *, verifier: str, nonce: str) -> dict[str, Any]:
        """Return who logged in, from an ID token that is right in every way; raises NotVouched, ProviderError."""
        described = await self.described()
        tokens = await self._exchange(described, code, verifier)
        claims = await self._verified(described, tokens.id_token)
        if claims["nonce"] != nonce:
            raise NotVouched("the token was made for another login")
        if self._terms.groups_claim not in claims and described.userinfo_endpoint and tokens.access_token:
            claims = {**await self._userinfo(described.userinfo_endpoint, tokens, claims), **claims}
        return claims

    async def _exchange(self, described: Described, code: str, verifier: str) -> _Tokens:
        terms = self._terms
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": terms.redirect_url,
            "code_verifier": verifier,
        }
        auth = None
        if terms.client_secret is None:
            form["client_id"] = terms.client_id
        elif "client_secret_basic" in described.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(_form(terms.client_id), _form(terms.client_secret.reveal()))
        else:
            form |= {"client_id": terms.client_id, "client_secret": terms.client_secret.reveal()}
        answer = await self._send(
            self._http.build_request("POST", described.token_endpoint, data=form), auth=auth
        )
        if answer.status_code in {400, 401, 403}:
            raise NotVouched("the provider did not take the code")
        tokens: _Tokens = _read(_content(answer), _Tokens)
        return tokens

    async def _verified(self, described: Described, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if algorithm not in ALGORITHMS:
                raise NotVouched("the token is signed in a way that is not taken")
            key = await self._key(described, header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._terms.client_id,
                issuer=self._terms.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED)},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise NotVouched("the token is not right") from error
        is_for_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (is_for_several or "azp" in claims) and claims.get("azp") != self._terms.client_id:
            raise NotVouched("the token was made for several, and not by us")
        if not 1 <= len(claims["sub"]) <= SUBJECT_CHARS_MAX:
            raise NotVouched("the token names nobody")
        return claims

    async def _key(self, described: Described, kid: object) -> jwt.PyJWK:
        name = kid if isinstance(kid, str) else ""
        async with self._asking:
            age = _now() - self._keys_at
            if age > KEPT_SECONDS or (name not in self._keys and age > STRANGER_SECONDS):
                self._keys, self._keys_at = _keys(await self._get(described.jwks_uri)), _now()
        # Who signs with one key alone need not name it.
        known = self._keys.get(name) or (
            next(iter(self._keys.values())) if len(self._keys) == 1 and not name else None
        )
        if known is None:
            raise NotVouched("the token is signed with a key that the provider does not show")
        return known

    async def _userinfo(self, url: str, tokens: _Tokens, claims: dict[str, Any]) -> dict[str, Any]:
        request = self._http.build_request(
            "GET", url, headers={"Authorization": f"Bearer {tokens.access_token}"}
        )
        found: dict[str, Any] = _read(_content(await self._send(request)), dict[str, Any])
        if found.get("sub") != claims["sub"]:
            raise NotVouched("the provider tells of somebody else")
        return found

    async def _get(self, url: str) -> bytes:
        return _content(await self._send(self._http.build_request("GET", url)))

    async def _send(self, request: httpx.Request, auth: httpx.Auth | None = None) -> httpx.Response:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                answer = await self._http.send(request, auth=auth, stream=True)
                try:
                    content = bytearray()
                    async for chunk in answer.aiter_bytes():
                        content += chunk
                        if len(content) > ANSWER_BYTES_MAX:
                            raise ProviderError(f"it answered more than {ANSWER_BYTES_MAX} bytes")
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ProviderError(f"{request.url.host} did not answer: {type(error).__name__}") from error
        return httpx.Response(answer.status_code, content=bytes(content))


def _content(answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK:
        raise ProviderError(f"it answered with status {answer.status_code}")
    return answer.content


def _read(data: bytes, into: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=into)
    except msgspec.MsgspecError as error:
        raise ProviderError("it answered in a form that is not known") from error


def _keys(data: bytes) -> dict[str, jwt.PyJWK]:
    keys = {}
    for one in _read(data, dict[str, Any]).get("keys", ()):
        try:
            key = jwt.PyJWK(one)
        except jwt.PyJWTError:
            continue  # Of a kind that is not known here; another may be.
        if one.get("use", "sig") == "sig" and one.get("kty") != "oct":
            keys[str(one.get("kid", ""))] = key
    return keys


def _form(text: str) -> str:
    """Return it as RFC 6749 (2.3.1) has it before Basic."""
    return str(httpx.QueryParams({"_": text}))[2:]


def _now() -> float:
    return asyncio.get_running_loop().time()
