"""What an extractor config may say; above all that no secret is written in one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orc_domain.config import SecretRef
from orc_domain.extract import parse_extractor
from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_auth import BearerAuth, HeaderAuth
from orc_domain.extractors.api_pages import NextLink
from orc_domain.extractors.csv import CsvExtract
from orc_domain.extractors.inline import InlineExtract
from orc_domain.extractors.parquet import ParquetExtract
from orc_domain.rejection import Invalid

SECRET = "Hunter2-Hunter2-Hunter2"
REFERENCE = {"secret": "github-token"}
URL = "https://example.org/data"
TYPES = "api, csv, inline, json, jsonl, parquet, sql"
CSV_KEYS = "the keys type, " + ", ".join(CsvExtract.__struct_fields__)
PARQUET_KEYS = "the keys type, " + ", ".join(ParquetExtract.__struct_fields__)


def api(**more):
    return {"type": "api", "url": URL, **more}


def refused(config):
    with pytest.raises(Invalid) as refusal:
        parse_extractor(config)
    said = refusal.value
    assert SECRET not in f"{said.detail} {said.field} {said.valid}"
    return said.field, said.valid


@pytest.mark.parametrize(
    ("config", "typed"),
    [
        ({"type": "csv", "path": "a.csv"}, CsvExtract("a.csv")),
        ({"type": "csv", "path": "a.tsv", "delimiter": "\t"}, CsvExtract("a.tsv", "\t")),
        ({"type": "parquet", "path": "/data/*.parquet"}, ParquetExtract("/data/*.parquet")),
        ({"type": "inline", "rows": [{"a": [1, {"b": None}]}]}, InlineExtract([{"a": [1, {"b": None}]}])),
        (api(), ApiExtract(URL)),
        (api(pagination={"type": "next_link"}), ApiExtract(URL, pagination=NextLink())),
        (
            api(auth={"type": "bearer", "token": REFERENCE}),
            ApiExtract(URL, auth=BearerAuth(SecretRef("github-token"))),
        ),
        (
            api(auth={"type": "header", "name": "X-Key", "value": REFERENCE}),
            ApiExtract(URL, auth=HeaderAuth("X-Key", SecretRef("github-token"))),
        ),
        (
            api(params={"api_key": REFERENCE}, headers={"Authorization": REFERENCE}),
            ApiExtract(
                URL,
                params={"api_key": SecretRef("github-token")},
                headers={"Authorization": SecretRef("github-token")},
            ),
        ),
    ],
)
def test_a_config_is_typed(config, typed):
    """Each type of config becomes a struct of its own, with its defaults."""
    assert parse_extractor(config) == typed


@pytest.mark.parametrize(
    ("config", "place", "valid"),
    [
        ({}, ".type", TYPES),
        ({"type": None}, ".type", TYPES),
        ({"type": "CSV"}, ".type", TYPES),
        ({"type": ["csv"]}, ".type", TYPES),
        ({"type": "csv"}, ".path", CSV_KEYS),
        ({"type": "csv", "path": 1}, ".path", CSV_KEYS),
        ({"type": "parquet", "path": "a", "x": 1}, ".x", PARQUET_KEYS),
        ({"type": "csv", "path": "a", "delimiter": "\n"}, ".delimiter", "such as , ; | or tab"),
        ({"type": "inline", "rows": [{}, 1]}, ".rows[1]", "the keys type, rows"),
        (
            api(auth={"type": "digest"}),
            ".auth.type",
            "bearer, basic, header, api_key, oauth2_client_credentials",
        ),
        (
            api(pagination={"type": "pages"}),
            ".pagination.type",
            "page_number, offset, cursor, next_link, link_header, single, auto",
        ),
        (api(headers={"Host": "a"}), ".headers.Host", "another header"),
        (api(headers={"TRANSFER-encoding": REFERENCE}), ".headers.TRANSFER-encoding", "another header"),
        (api(auth={"type": "header", "name": "Host", "value": REFERENCE}), ".auth.name", "another header"),
        (api(headers={"X-A": "1", "x-a": "2"}), ".headers.x-a", "each header once, in any case"),
        (api(headers={"X A": "1"}), ".headers.X A", "letters, digits and hyphens"),
        (api(headers={"X-A": "1\r\nX-B: 2"}), ".headers.X-A", "visible ASCII, no space at an end"),
        (api(headers={"X-A": "ü"}), ".headers.X-A", "visible ASCII, no space at an end"),
    ],
)
def test_what_is_wrong_is_named(config, place, valid):
    """A refusal points at the key and says what would be valid there."""
    assert refused(config) == (f"extractor_config{place}", valid)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a", "file:///etc/passwd", "//example.org", "example.org/a", "", "http://", "http:///a",
        "http://...", "http://[::1", "http://example.org:99999/", "http://example.org:0/", " http://example.org",
        "http://example.org/a b", "http://exa\tmple.org/", "http://example.org/\n", "http://example.org\\@10.0.0.1/",
        "http://example.org/\x7f", "http://example.org/\u2028", "http://example.org/\ud800",
        f"http://me:{SECRET}@example.org/", f"http://{SECRET}@example.org/", "http://@example.org/",
        f"http://me:{SECRET}/x@example.org/", f"http://me:{SECRET}%40example.org/",
        f"{URL}?api_key={SECRET}", f"{URL}?API%5FKEY={SECRET}", f"{URL}?a=1;api-key={SECRET}",
        f"{URL}?X-Amz-Signature={SECRET}", f"{URL}#access_token={SECRET}", f"{URL}?key={SECRET}",
        f"{URL}/ghp_{'a1' * 18}/x", f"{URL}?ghp_{'a1' * 18}",
    ],
)  # fmt: skip
def test_a_url_is_refused(url):
    """A URL that leads nowhere, is read in two ways or holds a secret is refused, and not said back."""
    assert refused({"type": "api", "url": url})[0] == "extractor_config.url"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "AUTHORIZATION", "Proxy-Authorization", "Cookie", "cookie2", "Set-Cookie", "X-Api-Key",
        "x-api_key", "apikey", "XApiKey", "Api-Key", "Ocp-Apim-Subscription-Key", "x-functions-key", "X-Auth-Key",
        "Private-Token", "X-Vault-Token", "X-Amz-Security-Token", "Token", "X-Password", "X-Signature", "X-CSRF",
    ],
)  # fmt: skip
def test_a_literal_in_a_secret_header_is_refused(name):
    """However it is spelled, a header for secrets takes a reference only."""
    assert refused(api(headers={name: SECRET}))[0] == f"extractor_config.headers.{name}"
    assert parse_extractor(api(headers={name: REFERENCE})).headers == {name: SecretRef("github-token")}


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "apiKey", "API-KEY", "api.key", "api key", "apikey", "access_token", "accessToken", "token", "auth",
        "private_token", "client_secret", "client-secret", "password", "passwd", "pwd", "sig", "signature", "key",
        "X-Amz-Signature", "refresh_token", "jwt", "accesskey",
    ],
)  # fmt: skip
def test_a_literal_in_a_secret_parameter_is_refused(name):
    """The same holds for parameters, in every spelling."""
    assert refused(api(params={name: SECRET})) == (f"extractor_config.params.{name}", '{"secret": "name"}')
    assert parse_extractor(api(params={name: REFERENCE})).params == {name: SecretRef("github-token")}


@pytest.mark.parametrize(
    "params",
    [
        {"page_token": "a"}, {"pageToken": "a"}, {"token_type": "erc20"}, {"key": "name"}, {"sort_key": "id"},
        {"q": "the secret of basic things"}, {"region": "sk-bratislava-and-more"}, {"limit": 10}, {"deep": True},
        {"author": "me"}, {"compass": "N"},
    ],
)  # fmt: skip
def test_a_harmless_parameter_is_taken(params):
    """What only sounds a little like a secret is nobody's secret."""
    assert parse_extractor(api(params=params)).params == params


@pytest.mark.parametrize(
    "value",
    [
        f"Bearer {SECRET}", f"basic {SECRET}", f"ghp_{'a1' * 18}", f"glpat-{'a1' * 10}", "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", f"sk-{'a1' * 16}",
    ],
)  # fmt: skip
def test_a_token_is_known_by_its_shape(value):
    """A well-known token is refused under whatever name."""
    assert refused(api(headers={"X-Note": value}))[0] == "extractor_config.headers.X-Note"
    assert refused(api(params={"note": value}))[0] == "extractor_config.params.note"


@pytest.mark.parametrize(
    "value",
    [SECRET, {"Secret": "a"}, {"secret": SECRET}, {"secret": "a\n"}, {"secret": "a", "or": SECRET}, {"secret": {}}, 1],
)  # fmt: skip
def test_a_reference_has_one_shape(value):
    """Only `{"secret": "name"}` is a reference; what else stands in its place is not said back."""
    field, valid = refused(api(auth={"type": "bearer", "token": value}))
    assert field.startswith("extractor_config.auth.token")
    assert valid.startswith('{"secret": "name"}')


@given(st.text(max_size=12), st.text(max_size=40), st.sampled_from(["headers", "params"]))
def test_no_text_breaks_the_judge(name, value, group):
    """Whatever is written, the answer is a config or a refusal."""
    fields = []
    try:
        parse_extractor(api(**{group: {name: value}}, url=URL + value))
    except Invalid as refusal:
        fields = [refusal.field or ""]
    assert all(field.startswith("extractor_config") for field in fields)


@pytest.mark.parametrize(
    "type_",
    [
        "BIGINTEGER",
        "",
        "BIGINT; DROP TABLE t",
        "VARCHAR)::INT",
        "BIGINT -- x",
        "STRUCT(a INT)",
        "DECIMAL(1,2,3)",
    ],
)
def test_what_is_no_type_is_refused(type_):
    """A type stands in SQL as it is, so nothing but a known one gets there."""
    config = {"type": "csv", "path": "a.csv", "columns": {"a": type_ or "\t"}}
    assert refused(config)[0] == "extractor_config.columns.a"


@pytest.mark.parametrize(
    "type_", ["bigint", "DECIMAL(18,2)", "decimal(18, 2)", "TIMESTAMP WITH TIME ZONE", "VARCHAR[]", "JSON"]
)
def test_a_type_of_duckdb_is_taken(type_):
    """In any case, with its numbers, as an array."""
    assert parse_extractor({"type": "csv", "path": "a.csv", "columns": {"a": type_}}).columns == {"a": type_}
