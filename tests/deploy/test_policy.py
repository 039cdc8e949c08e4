"""The rendered manifests keep a rule book: the restricted profile, and no way in or out but those of the picture."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

RENDERED = Path(__file__).parents[2] / "deploy" / "orc-nats-ator.yaml"
SERVICES = {"gateway", "auth", "scheduler", "executor"}
JOBS = {"migrate", "credentials"}
SERVERS = {"nats", "postgres"}

DNS = {("kube-system", "UDP", 53), ("kube-system", "TCP", 53)}
FLOWS: dict[str, set[tuple[str, str, int]]] = {
    "gateway": {("postgres", "TCP", 5432), ("nats", "TCP", 4222), *DNS},
    "auth": {("postgres", "TCP", 5432), ("nats", "TCP", 4222), *DNS},
    "scheduler": {("postgres", "TCP", 5432), ("nats", "TCP", 4222), *DNS},
    "executor": {
        ("postgres", "TCP", 5432),
        ("nats", "TCP", 4222),
        ("internet", "TCP", 80),
        ("internet", "TCP", 443),
        *DNS,
    },
    "migrate": {("postgres", "TCP", 5432), *DNS},
    # The API server cannot be selected, only its ports.
    "credentials": {("anywhere", "TCP", 443), ("anywhere", "TCP", 6443), *DNS},
    "nats": set(),
    "postgres": set(),
}
"""Who speaks to whom: all of it. ARCHITECTURE.md has the picture."""


def documents() -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(RENDERED.read_text()) if document]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in documents() if each["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in documents()
        if "template" in each.get("spec", {})
    }


def containers():
    for name, pod in pods().items():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield name, pod, container


def labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def peer_name(peer: dict[str, Any]) -> str:
    if "ipBlock" in peer:
        return "internet"
    if "namespaceSelector" in peer:
        return peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    return peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]


def flows(rules: list[dict[str, Any]], side: str) -> set[tuple[str, str, int]]:
    """Every (peer, protocol, port) that rules let through; a rule without peers or ports lets all."""
    found = set()
    for rule in rules:
        peers = [peer_name(peer) for peer in rule.get(side, [])] or ["anywhere"]
        ports = [(port["protocol"], port["port"]) for port in rule.get("ports", [])] or [("any", 0)]
        found |= {(peer, *port) for peer in peers for port in ports}
    return found


def test_rule_book_is_of_all_pods():
    """What runs is what is judged here: four services, two servers, two jobs."""
    assert set(pods()) == SERVICES | SERVERS | JOBS == set(FLOWS)
    assert {each["kind"] for each in documents()} == {
        "Namespace", "ServiceAccount", "Role", "RoleBinding", "Job", "Service", "Deployment", "StatefulSet",
        "NetworkPolicy", "PodDisruptionBudget",
    }  # fmt: skip


def test_no_pod_shares_anything_with_its_node():
    """No host network, process or IPC namespace, no host port, no path of the node, no device."""
    for name, pod in pods().items():
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod), name
        for volume in pod.get("volumes", []):
            assert set(volume) <= {"name", "emptyDir", "secret"}, (name, volume)
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], (name, volume)
    for name, _, container in containers():
        assert not [port for port in container.get("ports", []) if "hostPort" in port], name
        assert "volumeDevices" not in container, name


def test_every_container_has_the_restricted_profile_and_a_root_it_cannot_write():
    """A low user by number, no way to gain rights, no capability, the runtime's seccomp profile, limits and requests."""
    for name, pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["runAsGroup"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        # Exactly this: a further key (privileged, runAsUser: 0, procMount) would weaken it.
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        for kind in ("limits", "requests"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}, name
    assert (
        of_kind("Namespace")["orc"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )


def test_no_pod_has_a_token_of_the_cluster_but_the_one_that_makes_the_secret():
    """Only the Job `credentials` can speak to the API server, and all it may do there is create Secrets."""
    tokens = {name for name, pod in pods().items() if pod["automountServiceAccountToken"] is not False}
    assert tokens == {"credentials"}
    assert {name for name, pod in pods().items() if "serviceAccountName" in pod} == {"credentials"}
    (role,) = of_kind("Role").values()
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}]
    (account,) = of_kind("ServiceAccount").values()
    assert account["automountServiceAccountToken"] is False


def test_long_running_pods_have_probes_and_end_in_time():
    """Starting, ready and alive are told apart, and each pod has a time to stop in."""
    for name in SERVICES | SERVERS:
        (container,) = pods()[name]["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), name
        assert pods()[name]["terminationGracePeriodSeconds"] >= 30, name
    for name in JOBS:
        job = of_kind("Job")[name]["spec"]
        assert job["backoffLimit"] > 0
        assert job["ttlSecondsAfterFinished"] > 0


def test_what_has_replicas_keeps_one_while_nodes_are_drained():
    """A budget for everything with more than one pod, and for nothing else: it would block the drain for ever."""
    replicated = {name for name, each in of_kind("Deployment").items() if each["spec"]["replicas"] > 1}
    budgets = {name: each["spec"] for name, each in of_kind("PodDisruptionBudget").items()}
    assert budgets == {
        name: {"minAvailable": 1, "selector": {"matchLabels": labels(name)}} for name in replicated
    }
    assert replicated == {"gateway", "scheduler"}


def test_all_is_denied_that_no_policy_allows():
    """The policy for every pod allows nothing either way; each pod has one policy more, of both directions."""
    policies = {name: each["spec"] for name, each in of_kind("NetworkPolicy").items()}
    assert policies.pop("deny-all") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert set(policies) == set(FLOWS)
    for name, policy in policies.items():
        assert policy["podSelector"] == {"matchLabels": labels(name)}, name
        assert policy["policyTypes"] == ["Ingress", "Egress"], name


def test_pods_carry_the_labels_that_their_policies_select():
    """A policy that selects nothing protects nothing."""
    for each in documents():
        if "template" in each.get("spec", {}):
            name = each["metadata"]["name"]
            assert labels(name).items() <= each["spec"]["template"]["metadata"]["labels"].items(), name


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_each_pod_speaks_to_whom_the_picture_says_and_nobody_else(name):
    """What a policy lets out is exactly the table's row."""
    assert flows(of_kind("NetworkPolicy")[name]["spec"]["egress"], "to") == FLOWS[name]


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_each_pod_hears_whom_the_picture_says_and_nobody_else(name):
    """What a policy lets in is what the others may send there; from outside comes REST to the gateway alone."""
    expected = {
        (sender, protocol, port)
        for sender, sent in FLOWS.items()
        for receiver, protocol, port in sent
        if receiver == name
    }
    if name == "gateway":
        expected = {("anywhere", "TCP", 8080)}
    assert flows(of_kind("NetworkPolicy")[name]["spec"]["ingress"], "from") == expected


def test_the_internet_is_what_is_no_ones_own():
    """The executor's way out leads to no private, shared, loopback, link-local or reserved address."""
    (rule,) = [r for r in of_kind("NetworkPolicy")["executor"]["spec"]["egress"] if "ipBlock" in r["to"][0]]
    (peer,) = rule["to"]
    excluded = [ip_network(each) for each in peer["ipBlock"]["except"]]
    assert peer["ipBlock"]["cidr"] == "0.0.0.0/0"
    inside = (
        "0.0.0.1 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.31.0.1 192.0.0.170 192.168.1.1 198.18.0.1 "
        "224.0.0.1 255.255.255.255"
    )
    for address in map(ip_address, inside.split()):
        assert any(address in network for network in excluded), address
    for address in map(ip_address, ("1.1.1.1", "8.8.8.8", "172.32.0.1", "192.0.1.1")):
        assert not any(address in network for network in excluded), address


def test_one_service_takes_people_and_no_monitor_is_offered():
    """Only the gateway has an address of its own in the cluster; nobody offers NATS's monitor or a health port."""
    services = {name: each["spec"] for name, each in of_kind("Service").items()}
    assert {name for name, each in services.items() if each.get("clusterIP") != "None"} == {"gateway"}
    assert {each.get("type", "ClusterIP") for each in services.values()} == {"ClusterIP"}
    offered = {name: [port["port"] for port in each.get("ports", [])] for name, each in services.items()}
    assert offered == {"gateway": [80], "nats": [4222], "postgres": [5432], "executor": []}


def test_identity_is_asked_for():
    """Both sides of a login run in the mode that closes every route."""
    for name in ("gateway", "auth"):
        (container,) = pods()[name]["containers"]
        assert {"name": "ORC_AUTH", "value": "required"} in container["env"], name


def test_no_secret_stands_in_clear():
    """There is no Secret, no literal that looks like one, and no URL with a password in it."""
    assert of_kind("Secret") == {}
    assert re.findall(r"://[^/\s]*:[^/\s]*@", RENDERED.read_text()) == []
    for name, _, container in containers():
        for variable in container.get("env", []):
            word = variable["name"]
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY|_URL$", word) and not re.search(r"_(DIR|FILE)$", word):
                assert set(variable) == {"name", "valueFrom"}, (name, word)
                assert set(variable["valueFrom"]) == {"secretKeyRef"}, (name, word)


def test_every_image_has_a_version():
    """No image is `latest` or without a tag; digests are the step before a release (`make pinned`)."""
    for name, _, container in containers():
        assert re.search(r":\d[\w.-]*(@sha256:[0-9a-f]{64})?$", container["image"]), (
            name,
            container["image"],
        )
