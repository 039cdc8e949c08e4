"""Errors of types, told with the whole path of the field."""

import pytest
from msgspec import Struct, ValidationError, json

from orc_domain.fields import invalid_from, is_visible, typed
from orc_domain.rejection import Invalid


class Inner(Struct, forbid_unknown_fields=True):
    numbers: list[int]


class Outer(Struct, forbid_unknown_fields=True):
    inner: Inner
    named: dict[str, int] = {}


@pytest.mark.parametrize(
    ("value", "field", "detail"),
    [
        ({}, "config.inner", "Object missing required field `inner`"),
        ({"inner": {}}, "config.inner.numbers", "Object missing required field `numbers`"),
        ({"inner": {"numbers": [], "x": 1}}, "config.inner.x", "Object contains unknown field `x`"),
        ({"inner": {"numbers": [1, "a"]}}, "config.inner.numbers[1]", "Expected `int`, got `str`"),
        ({"inner": {"numbers": [1.5]}}, "config.inner.numbers[0]", "Expected `int`, got `float`"),
        ({"inner": {"numbers": [True]}}, "config.inner.numbers[0]", "Expected `int`, got `bool`"),
        ({"inner": {"numbers": []}, "named": {"a": None}}, "config.named[...]", "Expected `int`, got `null`"),
        ([], "config", "Expected `object`, got `array`"),
    ],
)
def test_the_path_is_whole(value, field, detail):
    """The key that is missing or unknown is part of the path."""
    with pytest.raises(Invalid) as refusal:
        typed(value, Outer, "config", valid="something else")
    assert (refusal.value.field, refusal.value.detail, refusal.value.valid) == (
        field,
        detail,
        "something else",
    )


def test_what_is_said_back_is_bounded():
    """A key of any length is not said back in full."""
    with pytest.raises(ValidationError) as found:
        json.decode(b'{"' + b"k" * 100_000 + b'": 1}', type=Outer)
    said = invalid_from(found.value, "config")
    assert (len(said.field or ""), len(said.detail)) == (300, 300)


@pytest.mark.parametrize(
    ("text", "visible"),
    [("", True), ("a b", True), ("日本 \u202f é", True), ("a\0", False), ("\n", False), ("\x7f", False),
     ("\x9b", False), ("\ud800", False), ("\u2028", False)],
)  # fmt: skip
def test_what_can_be_seen(text, visible):
    """Control characters, separators of lines and lone surrogates cannot be seen."""
    assert is_visible(text) is visible
