"""
What keeps a worker process from outliving its executor, eating the machine, or reaching what no task needs.

    limits      address space, open files, the length of a file; no core
    landlock    files: reads its code, the system's, and the folders of jobs; writes the data and scratch folders alone
    seccomp     no other process, no program, no mount, no kernel; offline, no socket

A worker takes the last two on before it reads its first order, and cannot put them off. Kernels that lack one leave it
out, unless ORC_WORKER_SANDBOX asks for both.
"""

import ctypes
import faulthandler
import os
import resource
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from msgspec import Struct

from orc_executor import landlock, seccomp
from orc_executor.worker_settings import WorkerSettings
from orc_runtime.settings import SettingsError

_PR_SET_PDEATHSIG = 1
_GIBIBYTE = 1024**3
ADDRESS_BYTES_SPARE = 8 * _GIBIBYTE
"""Address space that libraries and threads reserve without using it."""
OPEN_FILES_MAX = 65_536
"""A task holds each of its files open; 10,000 is what its paths may name."""
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/opt", "/nix/store", "/sys", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
    *(f"/proc/{name}" for name in ("self", "cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version")),
    *(
        f"/etc/{name}"
        for name in (
            "ssl", "pki", "ca-certificates", "crypto-policies", "host.conf", "nsswitch.conf",
            "gai.conf", "services", "protocols", "localtime", "timezone", "ld.so.cache", "passwd", "group", "mime.types",
            "os-release", "gss", "krb5.conf",
        )
    ),
    "/run/systemd/resolve", "/run/resolvconf", "/var/lib/ca-certificates",
)  # fmt: skip
"""What libraries read of any machine; no home, no setting of anything else, and of processes none but itself: the
environment of the executor names its database."""


class Walls(Struct, frozen=True):
    """What of the sandbox there is."""

    landlock: bool
    seccomp: bool

    @property
    def missing(self) -> list[str]:
        """What there is not."""
        return [name for name in self.__struct_fields__ if not getattr(self, name)]


def walls_of(settings: WorkerSettings) -> Walls:
    """Return what workers get here; raises SettingsError when that is less than what is required."""
    if settings.worker_sandbox == "off":
        return Walls(landlock=False, seccomp=False)
    walls = Walls(landlock=landlock.abi() > 0, seccomp=seccomp.is_supported())
    if settings.worker_sandbox == "required" and walls.missing:
        fault = (
            f"ORC_WORKER_SANDBOX is required, and this kernel has no {' and no '.join(walls.missing)}: run on Linux "
            "5.19 or newer, in a container that hides neither, or set it to auto"
        )
        raise SettingsError([fault])
    return walls


def confine(settings: WorkerSettings, *, offline: bool) -> Walls:
    """Take on what there is, for good, and return it; raises SettingsError, OSError. No thread may run yet."""
    walls = walls_of(settings)
    if walls.landlock:
        # Held open, it stays the folder that the rule is about; one that was let go may be made anew.
        os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
        landlock.restrict(
            read=[*_SYSTEM, *_code(), *_read(settings, offline=offline)],
            write=[str(settings.data_dir), str(settings.scratch), os.devnull],
            offline=offline,
        )
    if walls.seccomp:
        seccomp.restrict(offline=offline)
    return walls


def die_with_parent() -> None:
    """Be killed when the thread that started us ends; ends this process when that has already happened."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def limit_resources(settings: WorkerSettings) -> None:
    """Leave no core files, and end at an allocation rather than take the machine down with us."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_AS, 2 * settings.worker_memory_bytes_max + ADDRESS_BYTES_SPARE)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES_MAX)
    # A longer one is an error of the write, not a signal: the interpreter ignores that.
    _limit(resource.RLIMIT_FSIZE, settings.worker_file_bytes_max)


def _limit(what: int, wanted: int) -> None:
    _, hard = resource.getrlimit(what)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(what, (limit, limit))


def _code() -> Iterator[str]:
    """Yield where this interpreter and what it may import are, installed in place or not."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix)
    yield from (path for path in sys.path if path)
    yield from filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    for name in _plugin_packages():
        spec = find_spec(name)
        if spec is not None:
            yield from spec.submodule_search_locations or filter(None, [spec.origin])


def _plugin_packages() -> Iterator[str]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - it is asked once

    from orc_domain.plugins import EXTRACTORS, LOADERS  # noqa: PLC0415

    for group in (EXTRACTORS, LOADERS):
        for point in entry_points(group=group):
            yield point.module.partition(".")[0]


def _read(settings: WorkerSettings, *, offline: bool) -> Iterator[str]:
    yield from map(str, (*settings.file_roots, *settings.worker_read_dirs))
    if not offline:
        yield from read_online(settings)


def read_online(settings: WorkerSettings) -> Iterator[str]:
    """Yield what a worker with network reads that others put there, and may put there anew: it is another then."""
    yield from ("/etc/resolv.conf", "/etc/hosts")
    if settings.secrets_dir is not None:
        yield str(settings.secrets_dir)
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if named := os.environ.get(variable):
            yield named
