"""What `kubectl apply` takes is valid, and the same by either of its two ways."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "base"
RENDERED = ROOT / "deploy" / "orc-nats-ator.yaml"


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def rendered() -> dict[tuple[str, str], dict[str, Any]]:
    return {(d["kind"], d["metadata"]["name"]): d for d in documents(RENDERED)}


def as_kustomize_does(document: dict[str, Any], kustomization: dict[str, Any]) -> dict[str, Any]:
    """Do to a base document what the few features used of kustomize do."""
    images = {
        image["name"]: f"{image.get('newName', image['name'])}:{image['newTag']}"
        + (f"@{image['digest']}" if "digest" in image else "")
        for image in kustomization["images"]
    }
    pairs = kustomization["labels"][0]["pairs"]
    document["metadata"].setdefault("labels", {}).update(pairs)
    if document["kind"] != "Namespace":
        document["metadata"]["namespace"] = kustomization["namespace"]
    for subject in document.get("subjects", []):
        subject["namespace"] = kustomization["namespace"]
    template = document.get("spec", {}).get("template")
    if template:
        template["metadata"]["labels"].update(pairs)
        for container in template["spec"]["containers"]:
            container["image"] = images.get(container["image"], container["image"])
    for claim in document.get("spec", {}).get("volumeClaimTemplates", []):
        claim["metadata"].setdefault("labels", {}).update(pairs)
    return document


def test_rendered_file_says_what_the_base_says():
    """The plain file for `kubectl apply -f` holds the same resources as the kustomize base."""
    kustomization = documents(BASE / "kustomization.yaml")[0]
    expected = {}
    for name in kustomization["resources"]:
        for document in yaml.safe_load_all((BASE / name).read_text()):
            done = as_kustomize_does(yaml.safe_load(yaml.safe_dump(document)), kustomization)
            expected[(done["kind"], done["metadata"]["name"])] = done
    found = rendered()
    assert set(found) == set(expected)
    for key, document in expected.items():
        assert without_claim_labels(found[key]) == without_claim_labels(document), key


def without_claim_labels(document: dict[str, Any]) -> dict[str, Any]:
    for claim in document.get("spec", {}).get("volumeClaimTemplates", []):
        claim["metadata"].pop("labels", None)
    return document


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on this machine")
def test_kubectl_renders_the_committed_file():
    """`kubectl kustomize deploy/` prints deploy/orc-nats-ator.yaml."""
    out = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "deploy")], capture_output=True, text=True, check=True
    )
    assert list(yaml.safe_load_all(out.stdout)) == documents(RENDERED)


def test_manifests_are_valid_to_the_letter():
    """Every resource passes the strict schema of its kind: no unknown field, no wrong type."""
    command = [str(Path(sys.executable).parent / "kubernetes-validate"), "--strict", str(RENDERED)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
