"""
Object stores: S3, Google Cloud Storage and Azure Blob Storage, by obstore.

Its connections go through the judged proxy, so that the egress policy holds for them as for ours, and nothing but the
config's own credentials is used. obstore's messages quote what a server said; ours do not.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import obstore
from obstore import exceptions as store_errors
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from orc_domain.config import SecretRef
from orc_domain.extractors.storage import Place, Storage
from orc_executor.errors import (
    SecretUnusable,
    SourceMalformed,
    SourceMissing,
    SourceRefused,
    SourceUnavailable,
    TaskError,
)
from orc_executor.extractors.files.globs import fixed_folder, is_glob, key_pattern
from orc_executor.extractors.files.remote import Opened, Remote, mark_of
from orc_executor.secrets import Secrets
from orc_executor.steps import read_url

KEYS_LISTED_MAX = 1_000_000
"""Of the folder that a glob looks through."""
CONNECT_SECONDS_MAX, READ_SECONDS_MAX, OBJECT_SECONDS_MAX = 10, 60, 86_400
RETRIES_MAX, RETRY_SECONDS_MAX = 4, 60
_KEYS_A_PAGE = 1000
_CHUNK_BYTES = 1024 * 1024
_STATUS = re.compile(r"status(?: code)?:? (\d{3})")
_CLIENT_FAULT, _SERVER_FAULT = 400, 500
_PASSING = frozenset({408, 429})


class ObjectStores:
    """The stores that a task's paths name, each opened once."""

    def __init__(self, storage: Storage, secrets: Secrets, proxy_url: str) -> None:
        self._storage, self._secrets, self._proxy_url = storage, secrets, proxy_url
        self._stores = dict[tuple[str, str], ObjectStore]()

    async def locate(self, place: Place, files_max: int) -> list[Remote]:
        """Return the object, or those that the glob matches, by name; raises TaskError."""
        if not is_glob(place.key):
            return [Remote(place, place.url)]
        pattern, found, listed = key_pattern(place.key), list[Remote](), 0
        with _told(place.url):
            store = self._store(place)
            pages = obstore.list(store, prefix=fixed_folder(place.key) or None, chunk_size=_KEYS_A_PAGE)
            async for page in pages:
                listed += len(page)
                found += [_remote(place, meta) for meta in page if pattern.match(meta["path"])]
                if listed > KEYS_LISTED_MAX:
                    raise SourceMalformed(
                        place.url, f"more than {KEYS_LISTED_MAX} keys would be looked through"
                    )
                if len(found) > files_max:
                    raise SourceMalformed(place.url, f"the pattern matches more than {files_max} files")
        if not found:
            raise SourceMissing(f"{place.url}: no object matches")
        return sorted(found, key=lambda remote: remote.name)

    @asynccontextmanager
    async def opened(self, remote: Remote) -> AsyncIterator[Opened]:
        """Ask for an object, as it was when it was listed; raises TaskError."""
        with _told(remote.name):
            result = await obstore.get_async(self._store(remote.place), remote.place.key)
            listed = _remote(remote.place, result.meta)
            if remote.mark not in {None, listed.mark}:
                raise SourceUnavailable(f"{remote.name}: changed while the files were looked for")
        yield Opened(listed.mark, listed.size, _chunks(result, remote.name))

    def _store(self, place: Place) -> ObjectStore:
        key = (place.scheme, place.bucket)
        if key not in self._stores:
            self._stores[key] = self._open(place)
        return self._stores[key]

    def _open(self, place: Place) -> ObjectStore:
        storage = self._storage
        common: dict[str, Any] = {
            "client_options": {
                "proxy_url": self._proxy_url,
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS_MAX),
                "read_timeout": timedelta(seconds=READ_SECONDS_MAX),
                "timeout": timedelta(seconds=OBJECT_SECONDS_MAX),
                "allow_http": (storage.endpoint or "").lower().startswith("http://"),
                "user_agent": "orc-nats-ator",
            },
            "retry_config": {
                "max_retries": RETRIES_MAX,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS_MAX),
            },
            "skip_signature": storage.anonymous,
        }
        match place.scheme:
            case "s3":
                keys = self._given("access_key_id", "secret_access_key", "session_token", "endpoint")
                return S3Store(place.bucket, region=storage.region or "us-east-1", **keys, **common)
            case "gs":
                key = self._given("service_account", "endpoint")
                named = {"service_account": "service_account_key", "endpoint": "base_url"}
                try:
                    return GCSStore(
                        place.bucket, **{named[word]: text for word, text in key.items()}, **common
                    )
                except store_errors.BaseError as error:
                    if not isinstance(storage.service_account, SecretRef):
                        raise
                    # What it says may quote the key.
                    reason = "it is not the JSON of a service account's key"
                    raise SecretUnusable(storage.service_account.secret, reason) from error
        keys = self._given("account_name", "account_key", "endpoint")
        return AzureStore(place.bucket, **keys, **common)

    def _given(self, *words: str) -> dict[str, Any]:
        """Return the words that the config gives, secrets resolved; raises SecretMissing, WrongShape."""
        found = dict[str, Any]()
        for word in words:
            value = getattr(self._storage, word)
            if word == "endpoint" and value is not None:
                # The store's client panics over what is no URL in ASCII.
                found[word] = str(read_url(value, "extractor_config.storage.endpoint"))
            elif isinstance(value, SecretRef):
                found[word] = self._secrets.resolve(value).reveal()
            elif value is not None:
                found[word] = value
        return found


def _remote(place: Place, meta: Any) -> Remote:
    key = str(meta["path"])
    url = f"{place.scheme}://{place.bucket}/{key}"
    mark = mark_of(meta["e_tag"], meta["size"], meta["last_modified"].isoformat())
    return Remote(Place(place.scheme, url, place.bucket, key), url, mark, meta["size"])


async def _chunks(result: Any, name: str) -> AsyncIterator[bytes]:
    with _told(name):
        async for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say what went wrong with a store in our words."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceMissing(f"{name}: no such object") from error
    except store_errors.BaseError as error:
        raise _fault(error, name) from error


def _fault(error: store_errors.BaseError, name: str) -> TaskError:
    if isinstance(error, store_errors.PermissionDeniedError | store_errors.UnauthenticatedError):
        return SourceRefused(f"{name}: the store does not let these credentials read it")
    if isinstance(error, store_errors.InvalidPathError):
        return SourceMalformed(name, "a key there is one that cannot be read: an empty part, or '..'")
    found = _STATUS.search(str(error))
    if found is None:
        return SourceUnavailable(f"{name}: the connection failed, or what came is no answer of such a store")
    status = int(found[1])
    said = f"{name}: the store answered HTTP {status}"
    is_refusal = _CLIENT_FAULT <= status < _SERVER_FAULT and status not in _PASSING
    return SourceRefused(said) if is_refusal else SourceUnavailable(said)
