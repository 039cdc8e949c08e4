"""What an API must be asked by the config of an example, and whether it was."""

import json
import re
from base64 import b64decode
from urllib.parse import parse_qsl

from msgspec import Struct
from support.config_pages import worth

PARENT_FIELD = re.compile(r"\{parent\.([^{}]+)\}")


class Asking(Struct):
    """What a resource is to be asked, secrets and parents' fields in their places."""

    path: str
    params: dict
    body: object = None


def body_of(config, asked):
    """Return the fields of a body."""
    if not asked.body:
        return {}
    if config.get("body_type") == "form":
        return dict(parse_qsl(asked.body.decode()))
    body = json.loads(asked.body)
    return body if isinstance(body, dict) else {}


def fits(asking, asked, given):
    """Whether a question is the one that a config puts."""
    body = asking.body if isinstance(asking.body, dict) else {}
    params = {name: as_text(value) for name, value in asking.params.items()}
    is_form = asked.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    fields = {name: as_text(value) for name, value in body.items()} if is_form else body
    has_fields = all(given.get(name) == value for name, value in fields.items())
    return asked.path == asking.path and params.items() <= asked.query.items() and has_fields


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def has_credentials(auth, asked):
    """Whether the auth of a config came."""
    match auth:
        case {"type": "bearer", "token": {"secret": name}}:
            return asked.headers.get("authorization") == f"Bearer {worth(name)}"
        case {"type": "basic", "username": user, "password": {"secret": name}}:
            said = b64decode(asked.headers.get("authorization", "").removeprefix("Basic ")).decode()
            return said == f"{filled(user, {})}:{worth(name)}"
        case {"type": "header", "name": header, "value": {"secret": name}}:
            return asked.headers.get(header.lower()) == worth(name)
        case {"type": "api_key", "key": {"secret": name}}:
            header = auth.get("name", "X-API-Key")
            is_query = auth.get("location") == "query"
            return (asked.query.get(header) if is_query else asked.headers.get(header.lower())) == worth(name)
        case {"type": "oauth2_client_credentials"}:
            return asked.headers.get("authorization") == "Bearer a-token"
    return auth == {}


def filled(value, record):
    """Return what a config says with secrets and a parent's fields in their places."""
    match value:
        case {"secret": str() as name} if len(value) == 1:
            return worth(name)
        case dict():
            return {name: filled(inner, record) for name, inner in value.items()}
        case list():
            return [filled(inner, record) for inner in value]
        case str():
            whole = PARENT_FIELD.fullmatch(value)
            return record[whole[1]] if whole else PARENT_FIELD.sub(lambda found: str(record[found[1]]), value)
    return value
