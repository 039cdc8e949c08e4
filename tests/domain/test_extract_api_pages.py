"""What a config may say of an API's parents and of going on from a cursor."""

import pytest

from orc_domain.extract import parse_extractor
from orc_domain.extractors.api_pages import Auto, LinkHeader
from orc_domain.rejection import Invalid

URL = "https://example.org/parents/{parent.id}"
PARENT = {"url": "https://example.org/parents"}
REFERENCE = {"secret": "github-token"}


def api(**more):
    return {"type": "api", "url": URL, "parent": PARENT, **more}


def alone(**more):
    return {"type": "api", "url": "https://example.org/items", **more}


def refused(config):
    with pytest.raises(Invalid) as refusal:
        parse_extractor(config)
    return refusal.value.field.removeprefix("extractor_config")


@pytest.mark.parametrize(
    "config",
    [
        api(),
        api(parent={**PARENT, "include": ["id", "user.name"], "records_max": 5, "params": {"k": REFERENCE}}),
        api(url="https://example.org/c?of={parent.user.id}"),
        api(url="https://example.org/c", params={"of": "{parent.id}"}),
        api(url="https://example.org/c", method="POST", body={"query": [{"text": "of {parent.id}"}]}),
        api(method="POST", body={"query": "{ parent { id } }"}),
        api(url="HTTPS://Example.ORG:443/{parent.id}"),
        alone(method="POST", body={"query": "{ parent { id } }"}),
        alone(incremental={"cursor": "commit.author.date", "param": "since", "initial": "2026-01-01", "lag": "2h"}),
        alone(incremental={"cursor": "at"}, params={"since": "x"}),
        alone(incremental={"cursor": "at", "param": "a", "end_param": "b", "format": "%Y-%m-%dT%H:%M:%SZ"}),
        alone(incremental={"cursor": "at", "param": "a", "format": "unix_ms"}),
    ],
)  # fmt: skip
def test_what_goes_together_is_taken(config):
    """Placeholders in path, query, params and texts of the body; one origin; formats of time."""
    parse_extractor(config)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"type": "api", "url": URL}, ".url"),
        (alone(params={"of": "{parent.id}"}), ".params.of"),
        (alone(method="POST", body={"a": ["x{parent.id}"]}), ".body"),
        (api(url="https://example.org/c"), ".parent"),
        (api(url="https://{parent.host}/c"), ".url"),
        (api(url="https://example.org:{parent.port}/c"), ".url"),
        (api(url="{parent.scheme}://example.org/c"), ".url"),
        (api(url=f"{URL}#{{parent.id}}"), ".url"),
        (api(url=f"{URL}/{{parent}}"), ".url"),
        (api(url=f"{URL}/{{parent.}}"), ".url"),
        (api(url=f"{URL}/{{parent.a..b}}"), ".url"),
        (api(parent={"url": "https://example.org/{parent.id}"}), ".parent.url"),
        (api(parent={"url": "https://other.example.org/parents"}), ".parent.url"),
        (api(parent={"url": "http://example.org/parents"}), ".parent.url"),
        (api(parent={"url": "https://example.org:8443/parents"}), ".parent.url"),
        (api(parent={"url": "ftp://example.org/parents"}), ".parent.url"),
        (api(parent={"url": "https://example.org/parents?api_key=Hunter2-Hunter2"}), ".parent.url"),
        (api(parent={**PARENT, "params": {"api_key": "Hunter2-Hunter2"}}), ".parent.params.api_key"),
        (api(parent={**PARENT, "include": ["a.b", "A_b"]}), ".parent.include[1]"),
        (api(parent={**PARENT, "include": ["a."]}), ".parent.include[0]"),
        (api(parent={**PARENT, "more": 1}), ".parent.more"),
        (alone(incremental={"cursor": "at."}), ".incremental.cursor"),
        (alone(incremental={"cursor": "at", "end_param": "until"}), ".incremental.end_param"),
        (alone(incremental={"cursor": "at", "format": "unix"}), ".incremental.format"),
        (alone(incremental={"cursor": "at", "param": "a", "end_param": "a"}), ".incremental.end_param"),
        (alone(incremental={"cursor": "at", "param": "a"}, params={"a": 1}), ".incremental.param"),
        (alone(incremental={"cursor": "at", "param": "a", "end_param": "b"}, params={"b": 1}), ".incremental.end_param"),
        (alone(incremental={"cursor": "at", "param": "a", "lag": "2 hours"}), ".incremental.lag"),
        *((alone(incremental={"cursor": "at", "param": "a", "format": text}), ".incremental.format")
          for text in ("iso", "%s", "%Q", "%", "%Y%")),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_by_name(config, field):
    """Before the job exists."""
    assert refused(config) == field


def test_every_pagination_has_its_limit():
    """Those that the answer tells, too."""
    for type_, kind in (("auto", Auto), ("link_header", LinkHeader)):
        pagination = parse_extractor(alone(pagination={"type": type_, "pages_max": 7})).pagination
        assert (type(pagination), pagination.pages_max) == (kind, 7)
