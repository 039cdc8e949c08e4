"""
Pods of the rendered manifests as processes of this machine: what Kubernetes gives them, given by hand.

    manifest ──▶ user, environment, volumes ──▶ a root of its own, read-only but for the volumes ──▶ no capability, no new rights

All of them share one network of their own, in which the names of the manifests are this side of loopback and nothing
else has a route: whatever tries to speak to anything but loopback is refused by the kernel, which counts it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import CDLL, get_errno
from pathlib import Path
from typing import Any, TypeVar

import yaml

ROOT = Path(__file__).parents[2]
RENDERED = ROOT / "deploy" / "orc-nats-ator.yaml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
CLONE_NEWNET = 0x40000000
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NOWHERE = "192.0.2.53"
"""An address of the documentation: nobody's name server."""
T = TypeVar("T")


def possible() -> bool:
    """Say whether we may make namespaces and roots here, with the programs that it takes."""
    programs = ("unshare", "nsenter", "setpriv", "chroot", "mount", "ip")
    if os.geteuid() != 0 or not all(map(shutil.which, programs)):
        return False
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True, check=False,
    )  # fmt: skip
    return tried.returncode == 0


class Network:
    """A network with loopback and nothing else."""

    def __init__(self, holder: subprocess.Popen[bytes], inside: ThreadPoolExecutor) -> None:
        self.pid = holder.pid
        self._inside = inside

    def within(self, do: Callable[[], T]) -> T:
        """Do something in a thread whose sockets are of this network."""
        return self._inside.submit(do).result()

    @property
    def enter(self) -> tuple[str, ...]:
        """What a command is prefixed with to run in it."""
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net")

    def refused(self) -> int:
        """How often something was to be sent to where no route leads."""
        old = [
            line.split() for line in self._file("snmp").splitlines() if line.startswith("Ip:")
        ]  # names, then values
        ip4 = dict(zip(*old, strict=True))["OutNoRoutes"]
        ip6 = re.search(r"^Ip6OutNoRoutes\s+(\d+)", self._file("snmp6"), re.MULTILINE)
        return int(ip4) + (int(ip6[1]) if ip6 else 0)

    def _file(self, name: str) -> str:
        return Path(f"/proc/{self.pid}/net/{name}").read_text()


@contextmanager
def network() -> Iterator[Network]:
    """Make a network that ends with us: its holder lives as long as its standard input."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"up\n"
        with ThreadPoolExecutor(1, initializer=_join, initargs=(holder.pid,)) as inside:
            yield Network(holder, inside)
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def _join(pid: int) -> None:
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(get_errno(), "setns")
    finally:
        os.close(descriptor)


class Pod:
    """A pod of the rendered manifests, to be run as a process."""

    def __init__(self, name: str, folder: Path, secret: Mapping[str, str]) -> None:
        """`secret` has what the Secret `orc-credentials` holds; `folder` is for its volumes."""
        documents = yaml.safe_load_all(RENDERED.read_text())
        workload = next(
            each
            for each in documents
            if each["metadata"]["name"] == name and "template" in each.get("spec", {})
        )
        self.name = name
        self.secret = secret
        self.folder = folder / name
        self.spec = workload["spec"]["template"]["spec"]
        (self.container,) = self.spec["containers"]
        self.claims = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
        self.user = self.spec["securityContext"]["runAsUser"]

    @property
    def ports(self) -> set[int]:
        """What its container says it listens on."""
        return {port["containerPort"] for port in self.container["ports"]}

    def environment(self) -> dict[str, str]:
        """Return the image's environment and the manifest's."""
        (line,) = re.findall(r"^ENV (.+)$", DOCKERFILE.read_text(), re.MULTILINE)
        image = dict(pair.split("=", 1) for pair in line.replace("${SERVICE}", self.name).split())
        given = {
            each["name"]: each.get("value") or self._from(each["valueFrom"])
            for each in self.container.get("env", [])
        }
        for source in self.container.get("envFrom", []):
            assert source == {"secretRef": {"name": "orc-credentials"}}
            given |= {key: value for key, value in self.secret.items() if key.isidentifier()}
        return image | given | {"PATH": f"{sys.prefix}/bin:{PATH}"}

    def _from(self, source: dict[str, Any]) -> str:
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.name"
            return f"{self.name}-0"
        return self.secret[source["secretKeyRef"]["key"]]

    def start(
        self, net: Network, command: list[str], environment: Mapping[str, str] = {}
    ) -> subprocess.Popen[bytes]:
        """Run a command as the container would run it; the process that is returned is the command's own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        separate = ("unshare", "--mount", "--ipc", "--propagation", "private")
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*net.enter, *separate, "sh", "-euc", self._script(command)],
                env={**self.environment(), **environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _script(self, command: list[str]) -> str:
        security = self.container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not security["allowPrivilegeEscalation"]
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        context = self.spec["securityContext"]
        rights = [f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}", "--clear-groups"]
        rights += [
            "--no-new-privs",
            "--inh-caps=-all",
            "--ambient-caps=-all",
            "--bounding-set=-all",
            "--pdeathsig=KILL",
        ]
        mounts = self.container.get("volumeMounts", [])
        lines = [
            "umask 022",
            *_tmpfs(root, "", "size=16m,mode=755"),
            *(line for mount in mounts for line in self._volume(root, mount)),
            *_system(root),
            f"mkdir -p {shlex.quote(str(root / 'tmp'))}",
            f"mount -o remount,ro {shlex.quote(str(root))}",
        ]
        # exec all the way: the process keeps its number, and gets the signals itself.
        inner = shlex.join(["sh", "-c", 'cd /tmp && exec "$@"', "sh", *command])
        lines += [f"exec chroot {shlex.quote(str(root))} setpriv {shlex.join(rights)} {inner}"]
        return "\n".join(lines)

    def _volume(self, root: Path, mount: dict[str, Any]) -> list[str]:
        name, path = mount["name"], mount["mountPath"]
        if name in self.claims:
            kept = self.folder / name
            kept.mkdir(exist_ok=True)
            os.chown(kept, self.user, self.user)
            return _bind(root, kept, path)
        volume = next(each for each in self.spec["volumes"] if each["name"] == name)
        if "emptyDir" in volume:
            return _tmpfs(root, path, f"mode=1777,size={volume['emptyDir']['sizeLimit'].removesuffix('i')}")
        made = self.folder / name
        made.mkdir(exist_ok=True)
        for file, content, mode in self._files(volume):
            (made / file).write_text(content)
            (made / file).chmod(mode)
            # As the kubelet does: the files are root's, and the pod's group may read what the mode lets it.
            os.chown(made / file, 0, self.spec["securityContext"]["fsGroup"])
        return _bind(root, made, path, "ro")

    def _files(self, volume: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
        """Give name, content and mode of what a volume of a Secret or a ConfigMap holds."""
        if "configMap" in volume:
            content = next(
                each["data"]
                for each in yaml.safe_load_all(RENDERED.read_text())
                if each["kind"] == "ConfigMap" and each["metadata"]["name"] == volume["configMap"]["name"]
            )
            yield from ((name, text, 0o644) for name, text in content.items())
            return
        source = volume["secret"]
        for item in source.get("items", []):
            yield item["path"], self.secret[item["key"]], item.get("mode", source.get("defaultMode", 0o644))


def _system(root: Path) -> list[str]:
    """Lay out what an image brings (programs, libraries, Python, our packages) and the files that Kubernetes makes."""
    hosts = "127.0.0.1 localhost nats postgres gateway auth scheduler executor"
    lines = []
    for name in ("bin", "sbin", "lib", "lib64"):
        here = Path("/", name)
        if here.is_symlink():
            lines.append(f"ln -s {shlex.quote(str(here.readlink()))} {shlex.quote(str(root / name))}")
        elif here.exists():
            lines += _bind(root, here, str(here), "ro")
    for place in dict.fromkeys([Path("/usr"), Path(sys.base_prefix), ROOT, Path(sys.prefix)]):
        if not place.is_relative_to("/usr") or place == Path("/usr"):
            lines += _bind(root, place, str(place), "ro")
    etc = shlex.quote(str(root / "etc"))
    lines += [
        f"mkdir -p {etc}",
        f"for name in ld.so.cache passwd group nsswitch.conf; do cp /etc/$name {etc}/ 2>/dev/null || true; done",
        f"echo {shlex.quote(hosts)} > {etc}/hosts",
        f"echo nameserver {NOWHERE} > {etc}/resolv.conf",
        f"mkdir -p {shlex.quote(str(root / 'proc'))}",
        f"mount --rbind /proc {shlex.quote(str(root / 'proc'))}",
        *_tmpfs(root, "/dev", "mode=755,size=64k"),
        *_tmpfs(root, "/dev/shm", "mode=1777,size=64m"),
    ]
    for device in ("null", "zero", "full", "random", "urandom"):
        target = shlex.quote(str(root / "dev" / device))
        lines.append(f"touch {target} && mount --bind /dev/{device} {target}")
    return [*lines, f"mount -o remount,ro {shlex.quote(str(root / 'dev'))}"]


def _tmpfs(root: Path, path: str, options: str) -> list[str]:
    target = shlex.quote(f"{root}{path}")
    return [f"mkdir -p {target}", f"mount -t tmpfs -o nosuid,{options} none {target}"]


def _bind(root: Path, source: Path, path: str, mode: str = "rw") -> list[str]:
    target = shlex.quote(f"{root}{path}")
    lines = [f"mkdir -p {target}", f"mount --bind {shlex.quote(str(source))} {target}"]
    return lines + ([f"mount -o remount,bind,ro,nosuid {target}"] if mode == "ro" else [])


def values(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what a Secret's manifest holds."""
    return {name: b64decode(value).decode() for name, value in manifest["data"].items()}
