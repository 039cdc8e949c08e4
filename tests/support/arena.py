"""Workers in a network of their own (`arena_network.py`), where a connection to any address whatever is noticed."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from support.arena_network import ANSWERED
from support.worker_process import worker_process

HERE = Path(__file__).parent
NEEDED = ("unshare", "nsenter", "ip", "mount")
INNER = """
import os, sys
pid, *arguments = sys.argv[1:]
inside = ["nsenter", f"--net=/proc/{pid}/ns/net", f"--mount=/proc/{pid}/ns/mnt", "--wdns=/"]
os.execvp(inside[0], [*inside, sys.executable, "-m", "orc_executor.worker", *arguments])
"""


def missing():
    """Return why there can be no such network here, None when there can."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)}"
    steps = "ip link set lo up && ip -6 route add local ::/0 dev lo && mount --bind /etc/hosts /etc/hosts"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", steps], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else "needs root, network namespaces and IPv6"


class Arena:
    """`connections` and `names` are what came since they were last looked at."""

    def __init__(self, process, folder):
        self._process, self._folder = process, folder

    @contextmanager
    def worker(self, **environment):
        """Have a worker there; it may reach what is public unless its settings say otherwise."""
        program = ("-c", INNER, str(self._process.pid))
        with worker_process(self._folder, program, **environment) as worker:
            yield worker

    def noted(self):
        """Return the places that were connected to, and the names that were asked for."""
        self._process.stdin.write("noted\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        return said["connections"], said["names"]

    def inside(self):
        """Return the connections that nobody may make: other addresses than the public ones, other ports than theirs."""
        connections, _ = self.noted()
        allowed = {f"{address}:{port}" for address in ANSWERED for port in (80, 443)}
        return [one for one in connections if one not in allowed]


@contextmanager
def arena(folder):
    """Run the network; its processes end with it."""
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:1\n")
    process = subprocess.Popen(
        ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, HERE / "arena_network.py", resolv],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "ready\n"
        data = folder / "data"
        data.mkdir()
        yield Arena(process, data)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
