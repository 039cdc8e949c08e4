"""Images are pinned by digests that their registries were asked for."""

import hashlib
import json
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
import yaml
from support.web_server import WebServer

from release import pin
from release.registry import DOCKER_HUB, Reference, RegistryRefused, digest_of, reference

ROOT = Path(__file__).parents[2]
INDEX = "application/vnd.oci.image.index.v1+json"
USER, PASSWORD = "releaser", "p4ss-canary"


def manifest(repository: str, tag: str) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "of": f"{repository}:{tag}"}).encode()


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


class Registry(WebServer):
    """A registry as the specification has it: a token first, from the realm it names; `team/` only with a password."""

    def __init__(self, header=sha256, kind=INDEX):
        super().__init__(self._answer)
        self._header, self._kind = header, kind

    @property
    def host(self):
        return self.url.removeprefix("http://")

    def _answer(self, asked):
        if asked.path == "/token":
            return self._token(asked)
        repository, tag = asked.path.removeprefix("/v2/").split("/manifests/")
        if asked.headers.get("authorization") != f"Bearer for-{repository}":
            challenge = f'Bearer realm="{self.url}/token",service="reg",scope="repository:{repository}:pull"'
            return 401, {"www-authenticate": challenge}, b""
        if tag == "absent":
            return 404, {}, b"{}"
        body = manifest(repository, tag)
        assert INDEX in asked.headers["accept"]
        return 200, {"content-type": self._kind, "docker-content-digest": self._header(body)}, body

    def _token(self, asked):
        _, repository, action = asked.query["scope"].split(":")
        basic = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert (action, asked.query["service"]) == ("pull", "reg")
        if asked.headers.get("authorization") != (basic if repository.startswith("team/") else None):
            return 403, {}, b"{}"
        return {"token": f"for-{repository}"}


@pytest.fixture
def deploy(tmp_path) -> Path:
    """Copy deploy/ as it is before anything is pinned."""
    folder = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", folder)
    deployment = pin.Deployment(folder)
    bare = [pin.Image(image.name, image.new_tag) for image in deployment.images()]
    deployment.write(bare, pin.Image("python", "3.11-slim-bookworm"))
    return folder


def take_from(deploy: Path, registry: Registry) -> None:
    """Let the third-party images be in a registry that can be reached."""
    deployment = pin.Deployment(deploy)
    images = [
        image
        if image.name.startswith(pin.OWN)
        else pin.Image(image.name, image.new_tag, f"{registry.host}/third/{image.name}")
        for image in deployment.images()
    ]
    deployment.write(images, pin.Image(f"{registry.host}/third/python", "3.11"))


def run(deploy: Path, *arguments: str) -> int:
    return pin.main(["--deploy", str(deploy), *arguments])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nats", Reference(DOCKER_HUB, "library/nats", "1")),
        ("bitnami/nats", Reference(DOCKER_HUB, "bitnami/nats", "1")),
        ("ghcr.io/a/b", Reference("ghcr.io", "a/b", "1")),
        ("localhost/a", Reference("localhost", "a", "1")),
        ("10.0.0.1:5000/a", Reference("10.0.0.1:5000", "a", "1")),
    ],
)
def test_names_are_read_as_container_tools_do(name, expected):
    """A name without a host is Docker Hub's; anything but loopback is asked over TLS."""
    assert reference(name, "1") == expected
    assert expected.origin.startswith("http:" if expected.host == "localhost" else "https:")


def test_check_names_every_image_without_a_digest(deploy, capsys):
    """While one is missing, in any of the three files, it is named and the check fails."""
    assert run(deploy, "--check") == 1
    said = capsys.readouterr().err
    for image in ("nats:2.15.1-alpine", "postgres:18.6", "orc-nats-ator/gateway:0.1.0"):
        assert f"kustomization.yaml: {image} has no digest" in said
        assert f"orc-nats-ator.yaml: {image} has no digest" in said
    assert "Dockerfile: python:3.11-slim-bookworm has no digest" in said


def test_everything_is_pinned_and_stays_one_deployment(deploy, monkeypatch):
    """Each image gets what its tag is now, ours where they were pushed, and the files still say the same."""
    monkeypatch.setenv("REGISTRY_USER", USER)
    monkeypatch.setenv("REGISTRY_PASSWORD", PASSWORD)
    with Registry() as registry:
        take_from(deploy, registry)
        assert run(deploy) == 0
        assert run(deploy, "--own", f"{registry.host}/team") == 0
    assert run(deploy, "--check") == 0
    images = yaml.safe_load((deploy / "base" / "kustomization.yaml").read_text())["images"]
    expected = {
        each["name"]: sha256(manifest(each["newName"].partition("/")[2], each["newTag"])) for each in images
    }
    assert {each["name"]: each["digest"] for each in images} == expected
    assert len(expected) == 6
    base = sha256(manifest("third/python", "3.11"))
    assert f"ARG BASE={registry.host}/third/python:3.11@{base}\n" in (deploy / "Dockerfile").read_text()
    assert PASSWORD not in "".join(path.read_text() for path in deploy.rglob("*") if path.is_file())
    if shutil.which("kubectl"):
        out = subprocess.run(
            ["kubectl", "kustomize", str(deploy)], capture_output=True, text=True, check=True
        )
        assert out.stdout == (deploy / "orc-nats-ator.yaml").read_text()


def test_pinning_again_follows_the_tag(deploy):
    """A digest that is there already is replaced, once, in each file; without --own ours are left as they are."""
    with Registry() as registry:
        take_from(deploy, registry)
        assert run(deploy) == 0
        first = (deploy / "orc-nats-ator.yaml").read_text()
        assert run(deploy) == 0
    assert (deploy / "orc-nats-ator.yaml").read_text() == first
    assert "image: orc-nats-ator/gateway:0.1.0\n" in first
    assert first.count("@sha256:") == 2


def test_ours_are_pinned_on_the_base_they_were_built_on(deploy):
    """Pinning what was pushed asks nothing about the others: their tags may have moved since."""
    with Registry() as registry:
        take_from(deploy, registry)
        run(deploy)
        before = (deploy / "Dockerfile").read_text(), registry.asked[:]
        registry.asked.clear()
        assert run(deploy, "--own", f"{registry.host}/open") == 0
        assert (deploy / "Dockerfile").read_text() == before[0]
        assert not [asked.path for asked in registry.asked if "/third/" in asked.path]
    assert (deploy / "orc-nats-ator.yaml").read_text().count("@sha256:") == 8


def test_a_file_that_disagrees_fails_the_check(deploy, capsys):
    """A digest that was changed in the rendered file alone is noticed."""
    with Registry() as registry:
        take_from(deploy, registry)
        run(deploy)
    capsys.readouterr()
    rendered = deploy / "orc-nats-ator.yaml"
    digest = sha256(manifest("third/nats", "2.15.1-alpine"))
    assert digest in rendered.read_text()
    rendered.write_text(rendered.read_text().replace(digest, "sha256:" + "0" * 64))
    run(deploy, "--check")
    assert "is not what kustomization.yaml says" in capsys.readouterr().err


def test_a_failure_changes_nothing(deploy, capsys):
    """When one image cannot be looked up, no file is touched."""
    with Registry() as registry:
        take_from(deploy, registry)
        kustomization = deploy / "base" / "kustomization.yaml"
        kustomization.write_text(kustomization.read_text().replace('"18.6"', "absent"))
        before = {path: path.read_text() for path in deploy.rglob("*.yaml")}
        assert run(deploy) == 1
    assert "third/postgres:absent: its registry answered 404" in capsys.readouterr().err
    assert {path: path.read_text() for path in before} == before


def test_a_manifest_that_is_not_what_its_digest_names_is_refused():
    """The digest is of the bytes that came; a registry that claims another one is not believed."""
    other = "sha256:" + "0" * 64
    with (
        Registry(header=lambda _: other) as registry,
        pytest.raises(RegistryRefused, match="not the one that its digest names"),
    ):
        digest_of(reference(f"{registry.host}/third/nats", "1"))
    with Registry(kind="text/html") as portal, pytest.raises(RegistryRefused, match="than a manifest"):
        digest_of(reference(f"{portal.host}/third/nats", "1"))


def test_a_realm_in_clear_gets_nothing():
    """A registry that sends us to sign in over plain HTTP elsewhere is refused before anything is said there."""

    def answer(_):
        return 401, {"www-authenticate": 'Bearer realm="http://192.0.2.1/token",service="x"'}, b""

    with WebServer(answer) as registry, pytest.raises(RegistryRefused, match="way of signing in"):
        digest_of(reference(f"{registry.url.removeprefix('http://')}/a", "1"), (USER, PASSWORD))


def test_a_flood_is_cut_off():
    """A registry cannot fill our memory: a manifest has the specification's size at most."""
    flood = WebServer(lambda _: (200, {"content-type": INDEX}, b" " * (5 * 1024**2)))
    flood._server.handle_error = lambda *_: None  # it is hung up on, which is the point
    with flood as registry, pytest.raises(RegistryRefused, match="more than 4194304 bytes"):
        digest_of(reference(f"{registry.url.removeprefix('http://')}/a", "1"))
