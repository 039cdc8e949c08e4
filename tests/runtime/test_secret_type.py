"""A Secret is shown by `reveal` alone: not by printing, logging, encoding, copying or pickling it."""

import copy
import json
import logging
import pickle

import msgspec
import pytest
import structlog
from msgspec import Struct

from orc_runtime.auth_messages.wire import decode, encode
from orc_runtime.settings import Secret

TEXT = "swordfish"
SECRET = Secret(TEXT)


class Holder(Struct, frozen=True):
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        "{}".format,
        "{:>20}".format,
        "{0!r:.9}".format,
        "{0!s:.9}".format,
        "{0!a}".format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret:s}",
        lambda secret: "%s %r %a" % (secret, secret, secret),  # noqa: UP031 - as logging does
        lambda secret: repr(Holder(secret)),
        lambda secret: repr({"key": [secret]}),
        lambda secret: repr(ValueError(secret)),
        lambda secret: str(vars(type(secret)).get("__dict__")),
        lambda secret: json.dumps({"secret": secret}, default=str),
        lambda secret: structlog.processors.JSONRenderer()(None, "info", {"secret": secret, "event": "e"}),
        lambda secret: logging.LogRecord("n", 10, "p", 1, "%s", (secret,), None).getMessage(),
    ],
)
def test_no_text_of_it(show):
    """However it is made into a text."""
    assert TEXT not in show(SECRET)


@pytest.mark.parametrize(
    "encode_it",
    [
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.yaml.encode,
        msgspec.to_builtins,
        lambda secret: msgspec.json.encode(Holder(secret)),
        lambda secret: msgspec.convert(secret, str),
        *(
            lambda secret, protocol=protocol: pickle.dumps(secret, protocol)
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
        lambda secret: pickle.dumps(Holder(secret)),
        copy.copy,
        copy.deepcopy,
        lambda secret: secret.__getstate__(),
        lambda secret: secret.__reduce__(),
        vars,
        bytes,
        list,
        len,
    ],
)
def test_no_encoding_of_it(encode_it):
    """It is refused, and the refusal does not show it."""
    with pytest.raises((TypeError, msgspec.ValidationError)) as caught:
        encode_it(SECRET)
    assert TEXT not in str(caught.value)


def test_the_wire_alone_reveals_it():
    """A question to auth carries it, and comes back as a Secret."""
    assert decode(encode(Holder(SECRET)), Holder).secret.reveal() == TEXT
