"""
What a tag of a container image is at this moment: its digest, asked of its registry (OCI distribution specification).

    GET /v2/<repository>/manifests/<tag> ──▶ 401: a token from the realm it names, once more ──▶ sha256 of the answer

The digest is what the bytes that came hash to, not what a header says of them.
"""

import hashlib
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

DOCKER_HUB = "registry-1.docker.io"
MANIFEST_BYTES_MAX = 4 * 1024**2
"""The specification's own limit."""
TOKEN_BYTES_MAX = 64 * 1024
ANSWER_SECONDS_MAX = 30.0
MANIFEST_TYPES = (
    # Lists first: the digest is to fit every platform that the image is made for.
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_OK, _UNAUTHORIZED = 200, 401


class RegistryError(Exception):
    """Base of what asking a registry can fail with."""


class RegistryUnreachable(RegistryError):
    """No answer came."""

    def __init__(self, host: str, cause: Exception) -> None:
        super().__init__(f"registry {host} cannot be reached: {type(cause).__name__}")


class RegistryRefused(RegistryError):
    """An answer came that is no manifest."""

    def __init__(self, image: str, reason: str) -> None:
        super().__init__(f"{image}: {reason}")


class Reference(Struct, frozen=True):
    """An image's place: `nats` is the repository `library/nats` of Docker Hub."""

    host: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}:{self.tag}"

    @property
    def origin(self) -> str:
        """Where its registry answers: in clear on loopback alone."""
        return f"{'http' if _is_loopback(self.host) else 'https'}://{self.host}"


def reference(name: str, tag: str) -> Reference:
    """Read a name as container tools do: its first part is a host when it looks like one."""
    first, _, rest = name.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return Reference(first, rest, tag)
    return Reference(DOCKER_HUB, name if rest else f"library/{name}", tag)


def digest_of(image: Reference, credentials: tuple[str, str] | None = None) -> str:
    """Return `sha256:…` of what a tag names now. Raises RegistryUnreachable or RegistryRefused."""
    path = f"{image.origin}/v2/{image.repository}/manifests/{image.tag}"
    headers = {"Accept": ", ".join(MANIFEST_TYPES)}
    with httpx.Client(verify=ssl.create_default_context(), timeout=ANSWER_SECONDS_MAX) as client:
        try:
            status, answered, body = _get(client, image, path, headers, MANIFEST_BYTES_MAX)
            if status == _UNAUTHORIZED:
                challenge = answered.get("www-authenticate", "")
                headers["Authorization"] = _authorization(client, image, challenge, credentials)
                status, answered, body = _get(client, image, path, headers, MANIFEST_BYTES_MAX)
        except httpx.TransportError as error:
            raise RegistryUnreachable(image.host, error) from error
    if status != _OK:
        raise RegistryRefused(str(image), f"its registry answered {status}")
    if answered.get("content-type", "").partition(";")[0] not in MANIFEST_TYPES:
        raise RegistryRefused(str(image), "its registry answered with something else than a manifest")
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if answered.get("docker-content-digest", digest) != digest:
        raise RegistryRefused(str(image), "the manifest that came is not the one that its digest names")
    return digest


def _authorization(
    client: httpx.Client, image: Reference, challenge: str, credentials: tuple[str, str] | None
) -> str:
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = urlsplit(asked.get("realm", ""))
    # A password or a token in clear would be anybody's.
    if not challenge.lower().startswith("bearer ") or (
        realm.scheme != "https" and not _is_loopback(realm.netloc)
    ):
        raise RegistryRefused(str(image), "its registry asks for a way of signing in that is not known here")
    question = httpx.URL(
        asked["realm"],
        params={"service": asked.get("service", ""), "scope": f"repository:{image.repository}:pull"},
    )
    headers = {}
    if credentials:
        headers["Authorization"] = f"Basic {b64encode(':'.join(credentials).encode()).decode()}"
    status, _, body = _get(client, image, str(question), headers, TOKEN_BYTES_MAX)
    if status != _OK:
        raise RegistryRefused(str(image), f"no token: {realm.hostname} answered {status}")
    given = httpx.Response(_OK, content=body).json()
    return f"Bearer {given.get('token') or given.get('access_token')}"


def _get(
    client: httpx.Client, image: Reference, url: str, headers: Mapping[str, str], bytes_max: int
) -> tuple[int, httpx.Headers, bytes]:
    body = b""
    with client.stream("GET", url, headers=dict(headers)) as answer:
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > bytes_max:
                raise RegistryRefused(str(image), f"more than {bytes_max} bytes came")
        return answer.status_code, answer.headers, body


def _is_loopback(host: str) -> bool:
    return host.partition(":")[0] in {"127.0.0.1", "localhost"}
