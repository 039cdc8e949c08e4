"""
`orc demo`: real data through a whole stack, from nothing to proof, in one go.

    API server and stack → apply the example jobs → run each and follow it → the rows → one run's events
    → replay and verify → stop
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from orc.client import Gateway
from orc.commands.jobs import apply_jobs
from orc.commands.runs import print_trail
from orc.embedded.background import stack_in_background
from orc.embedded.errors import StackError
from orc.embedded.program import end_with_us
from orc.errors import DemoFailed
from orc.follow import follow_run
from orc.jobs_file import read_jobs
from orc.options import Options
from orc.output import plain

EXAMPLE_API = "http://127.0.0.1:8099"
"""Where the jobs file says the example API is; the demo serves it on a free port instead."""
DATABASE = "nycflights.duckdb"


def demo(
    *, examples: Annotated[Path | None, Parameter(name="--examples")] = None, only: list[str] | None = None
) -> None:
    """
    Start a stack on free ports, load real data through it, show what came and that the log proves it, stop.

    State is in a temporary folder, or in ORC_HOME when that is set.

    Parameters
    ----------
    examples
        The folder with jobs.yaml and data; by default ./examples, else that of the source tree.
    only
        Run only these of its jobs.
    """
    folder = find_examples(examples)
    with ExitStack() as opened:
        given = os.environ.get("ORC_HOME")
        home = Path(given or opened.enter_context(tempfile.TemporaryDirectory(prefix="orc-"))).absolute()
        home.mkdir(parents=True, exist_ok=True)
        api = opened.enter_context(api_server(folder))
        headline("Starting Postgres, NATS and the four services")
        try:
            stack = opened.enter_context(
                stack_in_background(home / "demo.log", environment(home), folder.parent)
            )
        except StackError as error:
            raise DemoFailed(str(error)) from error
        print(f"ready {stack.url}  (state in {home})")
        show(folder, home, stack.url, api, only)
    headline("Done: everything is stopped")


def show(folder: Path, home: Path, url: str, api: str, only: list[str] | None) -> None:
    """Go through the steps on a running stack; raises DemoFailed."""
    jobs = [job for job in read_jobs(folder / "jobs.yaml") if not only or job["job_name"] in only]
    with Gateway(Options(url=url)) as gateway:
        headline("Applying the jobs of examples/jobs.yaml")
        applied = list(apply_jobs(gateway, [redirect(job, api) for job in jobs]))
        for job, done in applied:
            print(f"{done:9}  {job['job_name']:22} {plain(job['description'])}")
        ended = [run_to_the_end(gateway, job) for job, _ in applied]
        headline(f"What was loaded into {home / 'data' / DATABASE}")
        tables = [sys.executable, "-m", "orc.tables", str(home / "data" / DATABASE)]
        check(tables, home, "the loaded file cannot be read")
        for run in ended[-1:]:
            headline(f"Events of the last run ({run['run_id']})")
            print_trail(gateway.get(f"/runs/{run['run_id']}/events"))
    headline("Rebuilding the read tables from the log and comparing")
    check([sys.executable, "-m", "orc", "replay"], home, "the read tables do not follow from the log")
    headline("Verifying the log's hash chain")
    check([sys.executable, "-m", "orc", "audit", "verify"], home, "the log is not what was recorded")


def run_to_the_end(gateway: Gateway, job: dict[str, Any]) -> dict[str, Any]:
    """Run a job and show its progress; returns the run, raises DemoFailed when it does not succeed."""
    headline(f"Running {job['job_name']}")
    run = gateway.post(f"/jobs/{job['job_id']}/run")
    ended = follow_run(gateway, run["run_id"])
    if ended["status"] != "success":
        raise DemoFailed(f"{job['job_name']} ended {ended['status']}: {plain(ended['error_message'])}")
    return ended


def find_examples(given: Path | None) -> Path:
    """Return the folder of the examples; raises DemoFailed."""
    source_tree = Path(__file__).resolve().parents[3]
    folders = [given] if given else [Path("examples"), source_tree / "examples"]
    for folder in folders:
        if (folder / "jobs.yaml").exists():
            return folder.resolve()
    raise DemoFailed(f"no jobs.yaml in {' or '.join(map(str, folders))}: name the folder with --examples")


@contextmanager
def api_server(folder: Path) -> Iterator[str]:
    """Serve the example API on a free port of loopback while the block lasts; gives its URL."""
    arguments = [sys.executable, str(folder / "api_server.py"), "--port", "0"]
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_us(signal.SIGTERM),  # noqa: PLW1509 - one system call, whatever our threads do
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("serving "):
                raise DemoFailed("the example API does not start")
            yield line.removeprefix("serving ").strip()
        finally:
            process.terminate()


def environment(home: Path) -> dict[str, str]:
    """Return the stack's environment: ours, but with servers and ports of its own."""
    ours = {name: value for name, value in os.environ.items() if not _is_orc_url(name)}
    own = {"ORC_HOME": str(home), "ORC_DATA_DIR": str(home / "data")}
    return {**ours, **own, "ORC_PORT": os.environ.get("ORC_PORT") or "0"}


def redirect(value: Any, api: str) -> Any:
    """Point what is written for the example API's usual address at where it is now."""
    match value:
        case str():
            return value.replace(EXAMPLE_API, api)
        case list():
            return [redirect(part, api) for part in value]
        case dict():
            return {key: redirect(part, api) for key, part in value.items()}
    return value


def check(arguments: list[str], home: Path, failure: str) -> None:
    """Run a program that prints for itself; raises DemoFailed when it does not exit 0."""
    sys.stdout.flush()
    ours = {name: value for name, value in os.environ.items() if not _is_orc_url(name)}
    if subprocess.run(arguments, env={**ours, "ORC_HOME": str(home)}, check=False).returncode != 0:
        raise DemoFailed(failure)


def headline(text: str) -> None:
    """Say what comes next."""
    print(f"\n── {text}", flush=True)


def _is_orc_url(name: str) -> bool:
    return name.startswith("ORC_") and name.endswith("_URL")
