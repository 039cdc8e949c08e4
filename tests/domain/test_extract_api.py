"""What an API's config may say of its requests and answers."""

import pytest

from orc_domain.config import SecretRef
from orc_domain.extract import parse_extractor
from orc_domain.extractors.api_answers import ResponseAction
from orc_domain.extractors.api_auth import ApiKeyAuth, BasicAuth, OAuth2Auth
from orc_domain.rejection import Invalid

SECRET = "Hunter2-Hunter2-Hunter2"
URL, TOKEN_URL = "https://example.org/data", "https://example.org/token"
REFERENCE = {"secret": "key"}
KEY = SecretRef("key")
OAUTH = {
    "type": "oauth2_client_credentials",
    "token_url": TOKEN_URL,
    "client_id": "me",
    "client_secret": REFERENCE,
}
BASIC = {"type": "basic", "username": "me", "password": REFERENCE}


def api(**more):
    return {"type": "api", "url": URL, **more}


def post(body, body_type="json"):
    return api(method="POST", body=body, body_type=body_type)


def refused(config):
    with pytest.raises(Invalid) as refusal:
        parse_extractor(config)
    said = refusal.value
    assert SECRET not in f"{said.detail} {said.field} {said.valid}"
    assert said.valid
    return (said.field or "").removeprefix("extractor_config.")


@pytest.mark.parametrize(
    ("auth", "typed"),
    [
        (BASIC, BasicAuth("me", KEY)),
        ({**BASIC, "username": REFERENCE}, BasicAuth(KEY, KEY)),
        (
            {"type": "api_key", "key": REFERENCE, "name": "k", "location": "query"},
            ApiKeyAuth(KEY, "k", "query"),
        ),
        (
            {**OAUTH, "scope": "a b", "send": "body"},
            OAuth2Auth(TOKEN_URL, "me", KEY, scope="a b", send="body"),
        ),
    ],
)
def test_auth_is_typed(auth, typed):
    """Each kind of its own."""
    assert parse_extractor(api(auth=auth)).auth == typed


@pytest.mark.parametrize(
    ("auth", "more", "place"),
    [
        ({**BASIC, "password": SECRET}, {}, "auth.password"),
        ({**BASIC, "username": "a:b"}, {}, "auth.username"),
        ({**BASIC, "username": f"sk_live_{SECRET.replace('-', '')}"}, {}, "auth.username"),
        (BASIC, {"headers": {"AUTHORIZATION": REFERENCE}}, "auth"),
        (OAUTH, {"headers": {"authorization": REFERENCE}}, "auth"),
        ({"type": "bearer", "token": REFERENCE}, {"headers": {"authorization": REFERENCE}}, "auth"),
        ({"type": "api_key", "key": REFERENCE}, {"headers": {"x-api-key": REFERENCE}}, "auth.name"),
        ({"type": "api_key", "key": REFERENCE, "name": "Host"}, {}, "auth.name"),
        (
            {"type": "api_key", "key": REFERENCE, "name": "k", "location": "query"},
            {"params": {"k": 1}},
            "auth.name",
        ),
        ({**OAUTH, "token_url": "ftp://example.org"}, {}, "auth.token_url"),
        ({**OAUTH, "token_url": f"https://me:{SECRET}@example.org"}, {}, "auth.token_url"),
        ({**OAUTH, "token_url": f"{TOKEN_URL}?client_secret={SECRET}"}, {}, "auth.token_url"),
        ({**OAUTH, "client_secret": SECRET}, {}, "auth.client_secret"),
        ({**OAUTH, "scope": f"ghp_{'a1' * 18}"}, {}, "auth.scope"),
    ],
)
def test_auth_is_refused(auth, more, place):
    """A secret in clear, a header or parameter given twice, a token from nowhere."""
    assert refused(api(auth=auth, **more)) == place


@pytest.mark.parametrize(
    "body",
    [
        {"a": [1, {"token": REFERENCE, "next": None}]},
        [REFERENCE],
        "text",
        0,
        {"page_token": "x", "query": "query { user { password } }", "password": None, "sig": False},
    ],
)
def test_a_json_body_is_taken(body):
    """Anything that is JSON, secrets by reference."""
    assert parse_extractor(post(body)).body == body


def nested(depth):
    return {"a": nested(depth - 1)} if depth else 1


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (api(body={"a": 1}), "body"),
        (post({"a": [{"password": SECRET}]}), "body.a[0].password"),
        (post({"token": [SECRET]}), "body.token[0]"),
        (post({"pin": f"Bearer {SECRET}"}), "body.pin"),
        (post([f"ghp_{'a1' * 18}"]), "body[0]"),
        (post({"api_key": 12345678}), "body.api_key"),
        (post({"a": {"secret": SECRET}}), "body.a.secret"),
        (post({"a": {"secret": "key", "more": 1}}), "body.a.secret"),
        (post(nested(40)), "body" + ".a" * 32),
        (post([1], "form"), "body"),
        (post("a=1", "form"), "body"),
        (post({"a": [1]}, "form"), "body.a"),
        (post({"a": {"b": 1}}, "form"), "body.a"),
    ],
)
def test_a_body_is_refused(config, place):
    """A secret in clear at any depth, a form that is not flat, one without POST."""
    assert refused(config) == place


def test_a_form_is_taken():
    """Flat values, and secrets."""
    body = {"a": "x", "n": 1.5, "on": True, "key": REFERENCE, "none": None}
    assert parse_extractor(post(body, "form")).body == body


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (api(url="https://{parent.host}/x"), "url"),
        (api(parent={"url": f"{URL}?token={SECRET}"}), "parent.url"),
        (api(parent={"url": "example.org"}), "parent.url"),
        (api(parent={"url": URL, "params": {"api_key": SECRET}}), "parent.params.api_key"),
        (
            api(response_actions=[{"status": 404, "action": "ignore"}, {"action": "fail"}]),
            "response_actions[1]",
        ),
        (api(response_actions=[{"status": 99, "action": "fail"}]), "response_actions[0].status"),
        (api(answer_type="csv", records="$.data"), "records"),
        (
            api(answer_type="jsonl", pagination={"type": "cursor", "cursor_path": "$.next"}),
            "pagination.cursor_path",
        ),
        (api(answer_type="csv", pagination={"type": "offset", "total": "$.total"}), "pagination.total"),
        (api(conditional=True, method="POST"), "conditional"),
        (api(conditional=True, pagination={"type": "page_number"}), "conditional"),
        (api(url=f"{URL}/{{parent.id}}", conditional=True, parent={"url": URL}), "conditional"),
        (api(conditional=True, incremental={"cursor": "at", "param": "since"}), "conditional"),
        (api(concurrency=0), "concurrency"),
        (api(rate_limit_per_second=0), "rate_limit_per_second"),
        (api(timeouts={"total": 1}), "timeouts.total"),
        (api(retries={"tries_max": 0}), "retries.tries_max"),
    ],
)
def test_what_cannot_be_meant_is_refused(config, place):
    """Each by the field that says it."""
    with pytest.raises(Invalid) as refusal:
        parse_extractor(config)
    assert refusal.value.field == f"extractor_config.{place}"
    assert SECRET not in str(refusal.value)


def test_what_goes_together_is_taken():
    """Conditions with one answer, actions by status, content or both."""
    actions = [{"status": 404, "action": "ignore"}, {"content": "busy", "action": "retry"}]
    config = api(conditional=True, pagination={"type": "single"}, response_actions=actions)
    assert parse_extractor(config).response_actions == (
        ResponseAction("ignore", 404),
        ResponseAction("retry", content="busy"),
    )
