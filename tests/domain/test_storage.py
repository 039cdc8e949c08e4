"""Which URLs files may be read from, and what must be said to get at them."""

import pytest

from orc_domain.extract import parse_extractor
from orc_domain.extractors.storage import Place, remote_place
from orc_domain.rejection import Invalid

SECRET = {"secret": "name"}
S3_KEYS = {"access_key_id": "id", "secret_access_key": SECRET}
PATHS = "a path without '..', under ORC_DATA_DIR or one of ORC_FILE_ROOTS; or a URL with s3://, gs://, az:// or https://"


def parse(path, storage=None, type_="jsonl"):
    return parse_extractor({"type": type_, "path": path, **({} if storage is None else {"storage": storage})})


def refusal(path, storage=None):
    with pytest.raises(Invalid) as refused:
        parse(path, storage)
    return refused.value


@pytest.mark.parametrize("type_", ["csv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("path", "storage"),
    [
        ("s3://bucket/a/*.csv", {"anonymous": True}), ("s3://my.bucket-1/**/x", S3_KEYS),
        ("S3://bucket/ü/x y?.csv", {**S3_KEYS, "access_key_id": SECRET, "session_token": SECRET, "region": "eu-central-1"}),
        ("s3://bucket/a", {**S3_KEYS, "endpoint": "http://minio:9000"}),
        ("gs://bucket/a", {"service_account": SECRET}), ("gs://bucket/a", {"anonymous": True}),
        ("az://container/a", {"account_name": "account1", "account_key": SECRET}),
        ("az://container/a", {"account_name": "account1", "anonymous": True}),
        ("https://host/a.csv?day=1", None), ("HTTP://host:81/a", {"headers": {"X-A": "b", "Authorization": SECRET}}),
        (["a.csv", "https://host/a", "s3://bucket/a"], {**S3_KEYS, "headers": {"X-A": "b"}}),
    ],
)  # fmt: skip
def test_a_url_with_what_it_needs_is_taken(path, storage, type_):
    """By every extractor of files, alone or among others."""
    assert parse(path, storage, type_).path is not None


def test_a_url_is_taken_apart():
    """Scheme in any case; a key may hold what a query would begin with."""
    assert remote_place(" S3://b1/k?e*y ") == Place("s3", "s3://b1/k?e*y", "b1", "k?e*y")
    assert remote_place("http://h/p?q") == Place("https", "http://h/p?q", "", "")
    for path in ("a.csv", "s3:/b/k", "s3a://b/k", "x/s3://b/k", "ftp://h/x"):
        assert remote_place(path) is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("ftp://host/a", "cannot be used here"), ("s3a://bucket/a", "cannot be used here"), ("s3:bucket/a", "cannot be used"),
        ("file:///etc/passwd", "cannot be used"), ("abfss://c@a/x", "cannot be used"), ("http:/host/a", "cannot be used"),
        ("s3://", "bucket is missing"), ("s3:///key", "bucket is missing"), ("s3://b*/key", "no name of one"),
        ("s3://bucket", "names no file"), ("s3://bucket/", "names no file"), ("s3://bucket/a/", "names no file"),
        ("s3://user:pass@bucket/a", "no name of one"), ("gs://abc/b\nc", "control character"), ("az://con/" + "a" * 1025, "1024"),
        ("s3://evil.com#/a", "no name of one"), ("s3://127.0.0.1:80/a", "no name of one"), ("s3://a..b/c", "no name of one"),
        ("s3://bucket/a/../b", "'..'"), ("s3://bucket/a//b", "empty"), ("gs://bucket/./b", "'.'"),
        ("https://host/*.csv", "no list of files"), ("https://", "names no host"), ("https://user:pw@host/a", "password"),
        ("https://host/a?token=abc", "secret is written"), ("https://host/a?X-Amz-Signature=abc", "secret is written"),
        ("https://host/a b", "space"),
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_is_refused_naming_the_path(path, said):
    """Whatever its scheme, and not saying a secret back."""
    refused = refusal(["a", path], None)
    assert (refused.field, said in refused.detail) == ("extractor_config.path[1]", True), refused.detail
    assert "abc" not in f"{refused.detail} {refused.valid}"
    if "cannot be used" in said:
        assert refused.valid == PATHS


@pytest.mark.parametrize(
    ("path", "storage", "field", "said"),
    [
        ("a.csv", {"anonymous": True}, "", "no path is a URL"),
        ("s3://bucket/a", None, ".access_key_id", "s3:// needs access_key_id and secret_access_key"),
        ("s3://bucket/a", {"access_key_id": "id"}, ".secret_access_key", "needs"),
        ("s3://bucket/a", {**S3_KEYS, "anonymous": True}, ".access_key_id", "anonymous is said too"),
        ("s3://bucket/a", {**S3_KEYS, "account_name": "abc"}, ".account_name", "means nothing for s3://"),
        ("s3://bucket/a", {**S3_KEYS, "region": "../x"}, ".region", "no name of a region"),
        ("s3://bucket/a", {**S3_KEYS, "endpoint": "ftp://x"}, ".endpoint", "not http or https"),
        ("s3://bucket/a", {**S3_KEYS, "endpoint": "https://x?a=b"}, ".endpoint", "has a query"),
        ("s3://bucket/a", {**S3_KEYS, "endpoint": "https://u:p@x"}, ".endpoint", "password"),
        ("s3://bucket/a", {**S3_KEYS, "secret_access_key": "clear"}, ".secret_access_key", "object"),
        ("gs://bucket/a", None, ".service_account", "needs service_account"),
        ("az://container/a", {"anonymous": True}, ".account_name", "needs account_name"),
        ("az://container/a", {"account_name": "Ab", "anonymous": True}, ".account_name", "no name of an account"),
        (["s3://bucket/a", "gs://b-1/a"], {"anonymous": True, "endpoint": "https://x"}, ".endpoint", "for one of gs, s3"),
        ("https://host/a", {"anonymous": True}, ".anonymous", "means nothing for https://"),
        ("https://host/a", {"headers": {"Authorization": "Bearer abcdefgh"}}, ".headers.Authorization", "secret"),
        ("https://host/a", {"headers": {"Host": "x"}}, ".headers.Host", "set by the client itself"),
        ("https://host/a", {"keys": 1}, ".keys", "unknown field"),
    ],
)  # fmt: skip
def test_storage_that_does_not_fit_is_refused_naming_the_word(path, storage, field, said):
    """A word that means nothing, one that is missing, a secret in clear."""
    refused = refusal(path, storage)
    assert (refused.field, said in refused.detail) == (f"extractor_config.storage{field}", True), (
        refused.detail
    )
