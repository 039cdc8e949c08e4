"""
Postgres refuses to run as root; started by root, it runs as an existing user without rights.

That user can often not reach what root owns: root's home and temporary folders are closed to others. Opening
them would show more than is ours, so neither the data nor the programs are reached by their path then: the data
folder is handed over as an open descriptor, and the programs are copied once to where anyone may run them.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from orc.embedded.errors import NoLowUser

LOW_USERS = ("nobody", "daemon")
COPIES = Path("/var/cache/orc-nats-ator")


class LowUser(Struct, frozen=True):
    """The user under whom Postgres runs when we are root."""

    uid: int
    gid: int

    def can(self, flag: str, path: Path) -> bool:
        """Ask as that user what `test` answers, as in `can("-x", folder)`."""
        done = subprocess.run(
            ["/usr/bin/env", "test", flag, str(path)],
            check=False,
            cwd="/",
            user=self.uid,
            group=self.gid,
            extra_groups=[],
        )
        return done.returncode == 0

    def own(self, folder: Path) -> None:
        """Give a folder and all that is in it to that user."""
        for parent, _, names in os.walk(folder):
            os.chown(parent, self.uid, self.gid)
            for name in names:
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)


def low_user() -> LowUser | None:
    """Return whom Postgres must run as, or None when it can run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in LOW_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return LowUser(entry.pw_uid, entry.pw_gid)
    raise NoLowUser(LOW_USERS)


def runnable(package: Path, user: LowUser) -> Path:
    """Return the wheel's package, or a copy of it outside of closed folders when that user cannot run it there."""
    if _runs(package, user):
        return package
    program = package / "pginstall" / "bin" / "postgres"
    copies = COPIES / f"postgres-{hashlib.sha256(program.read_bytes()).hexdigest()[:16]}"
    if not copies.is_dir():
        _copy_for_all(package, copies)
    return copies / package.name


def _runs(package: Path, user: LowUser) -> bool:
    """Try it: what a program needs beside itself (its libraries) is found only by running it."""
    install = package / "pginstall"
    try:
        done = subprocess.run(
            [install / "bin" / "initdb", "--version"],
            check=False,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user.uid,
            group=user.gid,
            extra_groups=[],
        )
    except PermissionError:
        return False
    return done.returncode == 0 and user.can("-r", install / "share" / "postgres.bki")


def _copy_for_all(package: Path, copies: Path) -> None:
    """Copy the package, and the libraries that its programs look for in the folder beside it."""
    unfinished = copies.with_name(f"{copies.name}.{os.getpid()}")
    # The mask of a careful root would close the copy as well.
    mask = os.umask(0o022)
    try:
        unfinished.mkdir(mode=0o755, parents=True)
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.is_dir():
                unneeded = shutil.ignore_patterns("include", "doc", "*.a", "__pycache__")
                shutil.copytree(folder, unfinished / folder.name, symlinks=True, ignore=unneeded)
    finally:
        os.umask(mask)
    for parent, folders, names in os.walk(unfinished):
        for name in (*folders, *names):
            path = Path(parent, name)
            if not path.is_symlink():
                runs = path.is_dir() or path.parent.name == "bin"
                path.chmod(path.stat().st_mode | (0o555 if runs else 0o444))
    try:
        unfinished.rename(copies)
    except OSError:
        # Another start was faster; its copy is the same.
        shutil.rmtree(unfinished)
