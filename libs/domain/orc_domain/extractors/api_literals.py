"""What a config writes literally into a request: headers, parameters, bodies; a secret is not among it."""

import re
from collections.abc import Mapping
from typing import Any

from orc_domain.config import REFERENCE, SecretRef
from orc_domain.fields import typed
from orc_domain.rejection import Invalid
from orc_domain.secret_places import is_secret_name, is_secret_value

BODY_DEPTH_MAX = 32
FRAMING_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
    }
    | {"trailer", "transfer-encoding", "upgrade"}
)
_SAID_MAX = 64

Value = str | int | float | bool | SecretRef


def check_params(params: Mapping[str, Value], field: str) -> None:
    """Refuse a secret in clear among query parameters; raises Invalid."""
    for name, value in params.items():
        if not isinstance(value, SecretRef):
            _check_literal(name, value, _within(field, name))


def check_headers(headers: Mapping[str, str | SecretRef], field: str) -> None:
    """Refuse what is no header, stands twice, is the client's own, or a secret in clear; raises Invalid."""
    names = set[str]()
    for name, value in headers.items():
        place = _within(field, name)
        _check_header(name, value, place)
        if name.lower() in names:
            raise Invalid(place, "the header is given twice", valid="each header once, in any case")
        names.add(name.lower())


def check_body(body: Any, body_type: str, field: str) -> None:
    """Refuse a secret in clear at any depth, and a form that is not flat; raises Invalid."""
    if body_type == "form":
        if not isinstance(body, dict):
            raise Invalid(field, "a form's body is names and values", valid='{"name": "value"}')
        for name, value in body.items():
            if isinstance(value, list) or (isinstance(value, dict) and not is_reference(value)):
                raise Invalid(
                    _within(field, name),
                    "a form's values are flat",
                    valid=f"a text, a number, true, false or {REFERENCE}",
                )
    _check_inside("", body, field, BODY_DEPTH_MAX)


def check_text(text: str | SecretRef, field: str) -> None:
    """Refuse what looks like a credential in a place that is for names; raises Invalid."""
    if isinstance(text, str) and is_secret_value("", text):
        raise Invalid(field, "a secret is written literally", valid=REFERENCE)


def is_reference(value: Any) -> bool:
    """Tell whether a value inside a body stands for a secret: an object with the key `secret` alone."""
    return isinstance(value, dict) and value.keys() == {"secret"}


def _check_inside(name: str, value: Any, place: str, depth_left: int) -> None:
    """Judge a value of a body; what is in a list goes by the list's name."""
    if not depth_left:
        raise Invalid(place, "the body is nested too deeply", valid=f"at most {BODY_DEPTH_MAX} levels")
    if is_reference(value):
        typed(value, SecretRef, place, valid=REFERENCE)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_inside(key, inner, _within(place, key), depth_left - 1)
    elif isinstance(value, list):
        for nth, inner in enumerate(value):
            _check_inside(name, inner, f"{place}[{nth}]", depth_left - 1)
    elif value is not None:
        _check_literal(name, value, place)


def _check_literal(name: str, value: str | float | bool, place: str) -> None:
    if isinstance(value, bool):
        return
    if is_secret_name(name) or (isinstance(value, str) and is_secret_value(name, value)):
        raise Invalid(place, "a secret is written literally", valid=REFERENCE)


def _check_header(name: str, value: str | SecretRef, field: str) -> None:
    if name.lower() in FRAMING_HEADERS:
        raise Invalid(field, "this header is set by the client itself", valid="another header")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", name):
        raise Invalid(field, "this is not a header name", valid="letters, digits and hyphens")
    if isinstance(value, SecretRef):
        return
    if is_secret_name(name) or is_secret_value(name, value):
        raise Invalid(field, "a secret is written literally", valid=f"auth, or {REFERENCE} as the value")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise Invalid(field, "the value is not visible ASCII text", valid="visible ASCII, no space at an end")


def _within(place: str, name: str) -> str:
    return f"{place}.{name[:_SAID_MAX]}"
