"""What is made of the matrix is what is committed, and a real server takes it."""

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import yaml

from orc.embedded.nats import USERS, configured
from orc.rights_files import nats_conf, written
from orc_runtime.rights import rights

ROOT = Path(__file__).parents[2]


def test_committed_files_are_the_matrix():
    """docs/rights.md, the NATS manifest, its fingerprint and the rendered manifests say what rights.toml says (`make rights`)."""
    for path, text in written(ROOT).items():
        assert (ROOT / path).read_text() == text, f"{path}: make rights"


def test_rendered_manifest_holds_the_configuration():
    """The ConfigMap of the rendered manifests is the very configuration."""
    documents = yaml.safe_load_all((ROOT / "deploy" / "orc-nats-ator.yaml").read_text())
    [found] = [
        d for d in documents if d and d["kind"] == "ConfigMap" and d["metadata"]["name"] == "nats-config"
    ]
    assert found["data"] == {"nats.conf": nats_conf()}


def test_page_names_every_cell():
    """docs/rights.md has every subject, table, function and event type of the matrix."""
    page = (ROOT / "docs" / "rights.md").read_text()
    matrix = rights()
    words = {
        subject
        for user in matrix.nats.values()
        for subject in (*user.publish, *user.publish_not, *user.subscribe)
    }
    words |= {*matrix.postgres.tables, *matrix.postgres.functions}
    words |= {event for events in matrix.postgres.appends.values() for event in events}
    assert {word for word in words if f"`{word}`" not in page} == set()


def test_a_server_takes_the_configuration(tmp_path):
    """nats-server reads the manifest's configuration with the passwords of its environment, whatever they begin with."""
    configuration = tmp_path / "nats.conf"
    configuration.write_text(nats_conf())
    server = Path(sysconfig.get_path("scripts")) / "nats-server"
    passwords = {f"ORC_NATS_{user.upper()}_PASSWORD": f"p8K-_{user}" for user in USERS}
    for environ, code in ((passwords, 0), ({}, 1)):
        done = subprocess.run(
            [server, "-t", "-c", configuration],
            env={"PATH": os.defpath, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr


def test_nobody_enters_without_a_name():
    """No configuration has a user for whoever brings no password, a wildcard for everything, or a monitor for everybody."""
    content = configured(dict.fromkeys(USERS, "x"), listen="127.0.0.1:4222", store="/data")
    assert "no_auth_user" not in json.dumps(content)
    assert not {"http", "http_port", "monitor_port"} & set(content)
    assert {"max_connections", "max_subscriptions", "max_payload", "max_control_line", "max_pending"} <= set(
        content
    )
    users = content["authorization"]["users"]
    assert [user["user"] for user in users if ">" in user["permissions"]["publish"].get("allow", ())] == []
    assert [user["user"] for user in users if "allow" not in user["permissions"]["subscribe"]] == []
    assert re.findall(r'"http": "(.*)"', nats_conf()) == ["127.0.0.1:8222"]
