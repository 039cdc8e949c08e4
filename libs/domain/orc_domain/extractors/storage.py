"""
Where files are that are not on this machine, and how to get at them: the word `storage`.

    s3://bucket/key        S3, or what speaks as it does at `endpoint`
    gs://bucket/key        Google Cloud Storage
    az://container/key     Azure Blob Storage, of the account `account_name`
    https://host/path      any web server, http too

No credential is taken from the surroundings: what the config does not name is not used, so that a job reaches no
more than its author could. Every secret is a reference.
"""

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from orc_domain.config import REFERENCE, NonEmpty, SecretRef
from orc_domain.extractors.api_literals import check_headers
from orc_domain.extractors.api_url import check_url
from orc_domain.fields import is_visible
from orc_domain.rejection import Invalid

KEY_BYTES_MAX = 1024
"""As the stores themselves have it."""
HEADERS_MAX = 50
_REMOTE = re.compile(r"(?P<scheme>s3|gs|az|https?)://", re.IGNORECASE)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z")
_KEY_WORDS = {
    "s3": ("access_key_id", "secret_access_key"),
    "gs": ("service_account",),
    "az": ("account_name", "account_key"),
}
_WORDS = {
    "s3": ("region", "endpoint", "access_key_id", "secret_access_key", "session_token", "anonymous"),
    "gs": ("endpoint", "service_account", "anonymous"),
    "az": ("endpoint", "account_name", "account_key", "anonymous"),
    "https": ("headers",),
}
STORES = "s3://, gs://, az:// or https://"


class Storage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to get at the files of a URL."""

    region: NonEmpty | None = None
    """Of S3; us-east-1 without one."""
    endpoint: NonEmpty | None = None
    """The URL of a store that is not the vendor's own: MinIO, Ceph, R2, an emulator."""
    access_key_id: NonEmpty | SecretRef | None = None
    """Of S3: who signs."""
    secret_access_key: SecretRef | None = None
    """Of S3: what it signs with."""
    session_token: SecretRef | None = None
    """Of S3: goes with keys that were given for a while."""
    account_name: NonEmpty | None = None
    """Of Azure: the storage account."""
    account_key: SecretRef | None = None
    """Of Azure: what the account signs with."""
    service_account: SecretRef | None = None
    """The secret holds the JSON of a service account's key."""
    anonymous: bool = False
    """Whether the files are for everyone, so that nothing is signed."""
    headers: Annotated[dict[NonEmpty, str | SecretRef], Meta(max_length=HEADERS_MAX)] = msgspec.field(
        default_factory=dict
    )
    """To send to a web server; those with a secret only to the host that the path names, whatever it redirects to."""


NO_STORAGE = Storage()


class Place(Struct, frozen=True):
    """A URL that files come from."""

    scheme: str
    """s3, gs, az or https, which stands for http too."""
    url: str
    bucket: str
    """Or container, or host."""
    key: str
    """Or a glob of keys; empty for a web server, whose URL is all there is."""


def remote_place(path: str) -> Place | None:
    """Return what a path names when it is a URL of ours, None when it is a path on this machine."""
    found = _REMOTE.match(path.strip())
    if found is None:
        return None
    scheme, text = found["scheme"].lower(), path.strip()
    if scheme in {"http", "https"}:
        return Place("https", text, "", "")
    bucket, _, key = text[found.end() :].partition("/")
    return Place(scheme, f"{scheme}://{bucket}/{key}", bucket, key)


def check_remote(place: Place, field: str) -> None:
    """Refuse a URL that can never name a file; raises Invalid."""
    if place.scheme == "https":
        _check_web(place.url, field)
        if "*" in urlsplit(place.url).path:
            raise Invalid(
                field, "a web server has no list of files that '*' could match", valid="a URL a file"
            )
        return
    valid = f"{place.scheme}://bucket/key, the key with *, ? or ** as it may be"
    # The bucket becomes part of a host's name, so nothing may stand in it that could end one.
    if not _BUCKET.match(place.bucket) or ".." in place.bucket:
        raise Invalid(field, "the bucket is missing or no name of one", valid=valid)
    if not place.key or place.key.endswith("/"):
        raise Invalid(field, "the URL names no file in the bucket", valid=valid)
    if not is_visible(place.key) or len(place.key.encode()) > KEY_BYTES_MAX:
        raise Invalid(
            field, f"the key holds a control character, or more than {KEY_BYTES_MAX} bytes", valid=valid
        )
    if any(part in {"", ".", ".."} for part in place.key.split("/")):
        raise Invalid(field, "a part of the key is empty, '.' or '..'", valid=valid)


def check_storage(storage: Storage | None, places: Sequence[Place], field: str) -> None:
    """Judge `storage` together with the URLs it is for; raises Invalid."""
    schemes = sorted({place.scheme for place in places})
    field = f"{field}.storage"
    if storage is not None and not schemes:
        raise Invalid(field, "no path is a URL that it could be for", valid=f"a path with {STORES}")
    given = storage or NO_STORAGE
    known = {word for scheme in schemes for word in _WORDS[scheme]}
    for word, value in msgspec.structs.asdict(given).items():
        if value and word not in known:
            names = ", ".join(f"{scheme}://" for scheme in schemes)
            raise Invalid(f"{field}.{word}", f"means nothing for {names}", valid=", ".join(sorted(known)))
    for scheme in schemes:
        _check_credentials(given, scheme, field)
    _check_own_endpoint(given, schemes, field)
    check_headers(given.headers, f"{field}.headers")


def _check_credentials(storage: Storage, scheme: str, field: str) -> None:
    words = _KEY_WORDS.get(scheme, ())
    missing = [word for word in words if getattr(storage, word) is None]
    if storage.anonymous:
        # An account of Azure is part of its address.
        signed = [word for word in words if word not in missing and word != "account_name"]
        if signed:
            raise Invalid(f"{field}.{signed[0]}", "anonymous is said too", valid="one of both")
        missing = [word for word in missing if word == "account_name"]
    if missing:
        needed = " and ".join(words)
        raise Invalid(
            f"{field}.{missing[0]}",
            f"{scheme}:// needs {needed}",
            valid=f"secrets as {REFERENCE}, or anonymous: true where the files are for everyone",
        )
    if storage.account_name is not None and not re.fullmatch(r"[a-z0-9]{3,24}", storage.account_name):
        raise Invalid(f"{field}.account_name", "is no name of an account", valid="3 to 24 of a-z and 0-9")
    if storage.region is not None and not re.fullmatch(r"[a-z0-9-]{1,40}", storage.region):
        raise Invalid(f"{field}.region", "is no name of a region", valid="such as eu-central-1")


def _check_own_endpoint(storage: Storage, schemes: Sequence[str], field: str) -> None:
    if storage.endpoint is None:
        return
    if len(schemes) > 1:
        raise Invalid(
            f"{field}.endpoint", f"is for one of {', '.join(schemes)} alone", valid="a task for each"
        )
    _check_web(storage.endpoint, f"{field}.endpoint")
    url = urlsplit(storage.endpoint)
    if url.query or url.fragment:
        raise Invalid(f"{field}.endpoint", "the endpoint has a query", valid="http://host:port")


def _check_web(url: str, field: str) -> None:
    try:
        check_url(url, field)
    except Invalid as error:
        if "secret" in error.detail or "password" in error.detail:
            error.valid = f"storage.headers with {REFERENCE}"
        raise
