"""Files of object stores: S3 by a server that speaks it, the others by their listings and objects as documented."""

from pathlib import Path

import obstore
import pytest
from support.object_server import object_server
from support.web_server import web_server
from support.worker_process import table, worker_process
from support.worker_reach import reach_of, underway_of

from orc_domain.extract import parse_extractor
from orc_executor.errors import (
    AddressRefused,
    SecretMissing,
    SecretUnusable,
    SourceMissing,
    SourceRefused,
    SourceUnavailable,
)
from orc_executor.extractors.files import object_stores
from orc_executor.extractors.files.finding import find_files
from orc_executor.extractors.files.object_stores import ObjectStores
from orc_executor.state import NO_STATE, TaskState


@pytest.fixture(scope="module")
def s3():
    with object_server() as server:
        yield server


@pytest.fixture
def find(tmp_path):
    """Find the files of a config; the secret `s3` is there."""

    def find(path, storage, state=NO_STATE, files="all", **more):
        reach = reach_of(
            tmp_path,
            more.pop("egress", ("loopback",)),
            **{"ORC_SECRET_S3": "s3cret", **more.pop("secrets", {})},
        )
        config = parse_extractor({"type": "jsonl", "path": path, "files": files, "storage": storage})
        return find_files(config.path, config.files, underway_of(reach, **more), state, config.storage)

    return find


def names(found):
    return [file.name.partition("://")[2].partition("/")[2] for file in found.files]


def contents(found):
    return [Path(file.path).read_bytes() for file in found.files]


def test_globs_over_keys_match_as_they_do_over_files(s3, find):
    """`*` stops at a slash, `**` does not; by name; each object once."""
    store = s3.bucket("globs")
    for key in (
        "a/1.csv",
        "a/2.csv",
        "a/2.txt",
        "a/b/3.csv",
        "a/b/c/4.csv",
        "a/.hidden.csv",
        "z.csv",
        "[x].csv",
        "a-1.csv",
    ):
        obstore.put(store, key, key.encode())
    for glob, matches in (
        ("a/*.csv", ["a/1.csv", "a/2.csv"]), ("a/**/*.csv", ["a/1.csv", "a/2.csv", "a/b/3.csv", "a/b/c/4.csv"]),
        ("**/[34].csv", ["a/b/3.csv", "a/b/c/4.csv"]), ("a/?/3.csv", ["a/b/3.csv"]), ("*.csv", ["[x].csv", "a-1.csv", "z.csv"]),
        ("a/[!1].csv", ["a/2.csv"]), ("[[]x].csv", ["[x].csv"]), ("a/.*.csv", ["a/.hidden.csv"]), ("a[!x][12].cs[a-z]", ["a-1.csv"]), ("z.csv", ["z.csv"]),
    ):  # fmt: skip
        found = find(f"s3://globs/{glob}", s3.storage())
        assert names(found) == matches
        assert contents(found) == [name.encode() for name in matches]
    found = find(["s3://globs/z.csv", "s3://globs/a/2.*", "S3://globs/*.csv"], s3.storage())
    assert names(found) == ["z.csv", "a/2.csv", "a/2.txt", "[x].csv", "a-1.csv"]


def test_long_listings_are_read_to_their_end(s3, find, monkeypatch):
    """A store gives a thousand keys at a time; more than are to be looked through is an error."""
    store = s3.bucket("long")
    for number in range(1010):
        obstore.put(store, f"d/{number:04}", b"x")
    assert len(find("s3://long/d/*", s3.storage()).files) == 1010
    with pytest.raises(Exception, match="more than 1000 files"):
        find("s3://long/d/*", s3.storage(), files_max=1000)
    monkeypatch.setattr(object_stores, "KEYS_LISTED_MAX", 1005)
    with pytest.raises(Exception, match="more than 1005 keys"):
        find("s3://long/d/*9", s3.storage())


def test_only_new_objects_are_read_again(s3, find):
    """By the etag, be they listed or named."""
    store = s3.bucket("new")
    obstore.put(store, "a.jsonl", b'{"a": 1}')
    obstore.put(store, "b.jsonl", b'{"a": 2}')
    paths = ["s3://new/a.jsonl", "s3://new/*.jsonl"]
    found = find(paths, s3.storage(), files="new")
    state = TaskState(files=dict(found.marks))
    assert list(state.files) == ["s3://new/a.jsonl", "s3://new/b.jsonl"]
    assert find(paths, s3.storage(), state, files="new").files == ()
    obstore.put(store, "a.jsonl", b'{"a": 3}')
    assert contents(find(paths, s3.storage(), state, files="new")) == [b'{"a": 3}']


def test_an_object_that_changes_after_it_was_listed_is_an_error_that_may_pass(s3, find, monkeypatch):
    """What comes is what was listed, or nothing."""
    store = s3.bucket("changing")
    obstore.put(store, "a.jsonl", b"before")
    locate = ObjectStores.locate

    async def locate_late(self, place, files_max):
        found = await locate(self, place, files_max)
        obstore.put(store, "a.jsonl", b"after")
        return found

    monkeypatch.setattr(ObjectStores, "locate", locate_late)
    with pytest.raises(SourceUnavailable, match=r"s3://changing/a.jsonl: changed while") as refusal:
        find("s3://changing/*.jsonl", s3.storage())
    assert refusal.value.retryable


def test_what_a_store_refuses_is_told_in_our_words(s3, find):
    """No object, no match, no bucket; a secret that is not there; nothing that the store said."""
    s3.bucket("empty")
    for path in ("s3://empty/gone.jsonl", "s3://empty/*.jsonl", "s3://no-such-bucket/a.jsonl"):
        with pytest.raises(SourceMissing, match=path.replace("*", r"\*")):
            find(path, s3.storage())
    with pytest.raises(SecretMissing):
        find("s3://empty/a", s3.storage(secret_access_key={"secret": "absent"}))
    quoting = 400, {}, b"<Error><Message>quoted</Message></Error>"
    with web_server(lambda _: quoting) as web, pytest.raises(SourceRefused, match="HTTP 400") as refusal:
        find("s3://any/a", s3.storage(endpoint=web.url))
    assert "quoted" not in str(refusal.value)
    with pytest.raises(SecretUnusable, match="service account") as refusal:
        find("gs://any/a", {"service_account": {"secret": "s3"}})
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:9", "https://localhost:9", "http://[::1]:9", "http://2130706433:9"]
)
def test_an_endpoint_that_may_not_be_reached_is_refused(find, endpoint):
    """Whichever way its address is spelled; the store's client connects by our proxy alone."""
    with pytest.raises(AddressRefused, match="ORC_EGRESS_ALLOW"):
        find("s3://bucket/a", {"endpoint": endpoint, "anonymous": True}, egress=())
    with pytest.raises(AddressRefused, match="never allowed"):
        find("s3://bucket/*", {"endpoint": "http://169.254.169.254", "anonymous": True})


def test_a_worker_loads_from_a_store_and_goes_on_with_new_files(s3, tmp_path):
    """With `name=value` folders as columns; the secret is never asked of the surroundings."""
    store = s3.bucket("loads")
    obstore.put(store, "day=1/a.jsonl", b'{"a": 1}\n')
    obstore.put(store, "day=2/a.jsonl", b'{"a": 2}\n')
    with worker_process(tmp_path, ORC_EGRESS_ALLOW="loopback", ORC_SECRET_S3="s3cret") as worker:
        config = {
            "type": "jsonl",
            "path": "s3://loads/**/*.jsonl",
            "storage": s3.storage(),
            "file_name_column": "f",
        }
        assert worker.load(config, table()) == 2
        assert worker.rows() == [(1, "s3://loads/day=1/a.jsonl"), (2, "s3://loads/day=2/a.jsonl")]


LISTED = b"""<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>
<Contents><Key>d/a.jsonl</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"1"</ETag><Size>2</Size></Contents>
</ListBucketResult>"""
BLOBS = b"""<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Name>d/a.jsonl</Name><Properties>
<Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>1</Etag><Content-Length>2</Content-Length><Content-Type>text/plain</Content-Type>
<BlobType>BlockBlob</BlobType></Properties></Blob></Blobs><NextMarker/></EnumerationResults>"""
HEADS = {"etag": '"1"', "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"}


@pytest.mark.parametrize(
    ("path", "listing", "storage"),
    [
        ("gs://bucket/d/*.jsonl", LISTED, {"anonymous": True}),
        ("az://container/d/*.jsonl", BLOBS, {"anonymous": True, "account_name": "account"}),
        ("az://container/d/*.jsonl", BLOBS, {"account_name": "account", "account_key": {"secret": "az"}}),
    ],
)
def test_the_other_stores_are_asked_in_their_own_way(find, path, listing, storage):
    """Listing and object, at an endpoint of the config's."""

    def answer(asked):
        is_listing = "prefix" in asked.query
        return (
            200,
            {"content-type": "application/xml"} if is_listing else HEADS,
            listing if is_listing else b"{}",
        )

    with web_server(answer) as web:
        found = find(path, {**storage, "endpoint": web.url}, files="new", secrets={"ORC_SECRET_AZ": "a2V5"})
        assert (contents(found), list(found.marks.values())) == ([b"{}"], ["etag 1"])
        signed = {"authorization" in asked.headers for asked in web.asked}
        assert signed == {"account_key" in storage}
