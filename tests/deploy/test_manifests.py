"""What `kubectl apply` takes is valid, restricted, and the same by either of its two ways."""

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
SERVICES = {"gateway", "auth", "scheduler", "executor"}


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def rendered() -> dict[tuple[str, str], dict[str, Any]]:
    return {(d["kind"], d["metadata"]["name"]): d for d in documents(RENDERED)}


def pods() -> dict[str, dict[str, Any]]:
    return {
        name: d["spec"]["template"]["spec"]
        for (_, name), d in rendered().items()
        if "template" in d.get("spec", {})
    }


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


def test_every_container_is_restricted_and_bounded():
    """Each container runs as a low user, cannot gain rights or write its root, and has limits."""
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["limits"]), name


def test_services_have_all_three_probes():
    """Kubernetes can tell starting, ready and alive apart for every long-running pod."""
    for name in SERVICES | {"nats", "postgres"}:
        container = pods()[name]["containers"][0]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), name


def test_nothing_talks_unless_a_policy_says_so():
    """All traffic is denied by default, and every pod has a policy of its own."""
    policies = {name: d["spec"] for (kind, name), d in rendered().items() if kind == "NetworkPolicy"}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert set(policies) == set(pods()) | {"deny-all"}


def test_no_password_stands_in_the_manifests():
    """Every password comes from the Secret that the cluster makes for itself."""
    assert not [d for (kind, _), d in rendered().items() if kind == "Secret"]
    for name, pod in pods().items():
        for variable in pod["containers"][0].get("env", []):
            if (
                any(word in variable["name"] for word in ("PASSWORD", "SECRET", "_URL"))
                and "SECRETS_DIR" not in variable["name"]
            ):
                assert variable["valueFrom"]["secretKeyRef"]["name"] == "orc-credentials", (
                    name,
                    variable["name"],
                )
