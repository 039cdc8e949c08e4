"""The Secret that a cluster makes for itself."""

import re
from base64 import b64decode
from pathlib import Path

from orc.cluster import secret
from orc.embedded.nats import USERS

RENDERED = Path(__file__).parents[2] / "deploy" / "orc-nats-ator.yaml"


def values(manifest: dict) -> dict[str, str]:
    return {name: b64decode(value).decode() for name, value in manifest["data"].items()}


def test_secret_holds_all_that_the_manifests_ask_for():
    """Every key that a pod reads from the Secret is in it."""
    asked = set(re.findall(r"name: orc-credentials\n +key: (\S+)", RENDERED.read_text()))
    asked |= set(re.findall(r"key: (\S+)\n +name: orc-credentials", RENDERED.read_text()))
    assert len(asked) > 8
    assert asked <= set(values(secret("orc")))


def test_passwords_are_new_each_time_and_all_different():
    """No two Secrets share a password, nor do two users of one Secret."""
    first, second = values(secret("orc")), values(secret("orc"))
    assert all(first[name] != second[name] for name in first)
    urls = [url for name, url in first.items() if name.endswith("_URL")]
    assert len({url.split("@")[0].rpartition(":")[2] for url in urls}) == len(urls)


def test_nats_passwords_are_those_of_the_urls():
    """The server is given the very passwords that the services connect with, none of which reads as a number."""
    found = values(secret("orc"))
    for user in USERS:
        password = found[f"ORC_NATS_{user.upper()}_PASSWORD"]
        assert password.startswith("p")
        assert found[f"ORC_NATS_{user.upper()}_URL"] == f"nats://{user}:{password}@nats:4222"
