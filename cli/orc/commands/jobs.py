"""`orc jobs`: apply, list, show, pause, resume and delete jobs, and the schema of their files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from orc.client import Gateway
from orc.errors import NotFound
from orc.jobs_file import read_jobs
from orc.options import NO_OPTIONS, Options
from orc.output import plain, show_fields, show_json, show_table

NEXT_SHOWN = 3
TIMING = ("schedule", "schedules", "timezone", "dst", "exclude", "starts_at", "ends_at", "jitter_seconds")
"""What of a job says when it is due."""
COLUMNS = ("job_id", "job_name", "schedule", "timezone", "is_active", "pool")

app = App(name="jobs", help="Apply, list, show and delete jobs.", help_format="plaintext")

Done = Literal["created", "changed", "unchanged"]


@app.command
def apply(*, file: Annotated[Path, Parameter(name=["--file", "-f"])], options: Options = NO_OPTIONS) -> None:
    """
    Create the jobs of a file, or change those that exist under the same name; doing it again changes nothing.

    Parameters
    ----------
    file
        YAML or JSON: a list of jobs with the fields of POST /jobs.
    """
    jobs = read_jobs(file)
    width = max((len(job["job_name"]) for job in jobs), default=0)
    with Gateway(options) as gateway:
        for job, done in apply_jobs(gateway, jobs):
            if options.json:
                show_json({"job_id": job["job_id"], "job_name": job["job_name"], "done": done})
            else:
                print(f"{done:9}  {plain(job['job_name']):{width}}  {job['job_id']}", flush=True)


def apply_jobs(gateway: Gateway, jobs: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Done]]:
    """Create or replace each job by its name, in order; raises NotFound when a name stands for several."""
    existing = gateway.get("/jobs")
    for job in jobs:
        same = [known for known in existing if known["job_name"] == job["job_name"]]
        if len(same) > 1:
            raise NotFound("job", job["job_name"], len(same))
        if not same:
            yield gateway.post("/jobs", job), "created"
            continue
        # The gateway appends nothing for a definition that says the same, so the version tells.
        version = same[0]["version"]
        now = gateway.put(f"/jobs/{same[0]['job_id']}", job, version)
        yield now, "unchanged" if now["version"] == version else "changed"


@app.command(name="list")
def list_jobs(*, options: Options = NO_OPTIONS) -> None:
    """List all jobs."""
    with Gateway(options) as gateway:
        jobs = gateway.get("/jobs")
    if options.json:
        show_json(jobs)
    else:
        show_table(jobs, COLUMNS)


@app.command
def show(job: str, *, options: Options = NO_OPTIONS) -> None:
    """
    Show a job with its tasks.

    Parameters
    ----------
    job
        Its name or id.
    """
    with Gateway(options) as gateway:
        found = gateway.get(f"/jobs/{gateway.job_id(job)}")
        if options.json:
            show_json(found)
            return
        preview = gateway.post("/schedules/preview", {name: found[name] for name in TIMING})
    fields = {name: value for name, value in found.items() if name not in {"next_due_at", "tasks"}}
    show_fields(fields | {"runs": _when(found, preview)})
    for task in found["tasks"]:
        print(f"task {task['task_order']}")
        show_fields({"  from": task["extractor_config"], "  to": task["loader_config"]})


def _when(job: dict[str, Any], preview: dict[str, Any]) -> str:
    """Say a job's schedule in words, with the next times it is due."""
    following = ", ".join(job["next_due_at"][:NEXT_SHOWN])
    paused = "" if job["is_active"] else " (paused)"
    return f"{preview['description']}{paused}{f'; next {following}' if following else ''}"


@app.command
def schema(*, one: bool = False) -> None:
    """
    Print the JSON Schema of a jobs file, for editors; needs no gateway, and knows the plugins that are installed here.

    Parameters
    ----------
    one
        Of one job instead, as POST /jobs takes it.
    """
    # Making it takes all kinds of extractors and loaders, which no other command needs.
    from orc_runtime.job_schema import job_schema, jobs_schema  # noqa: PLC0415

    print((job_schema() if one else jobs_schema()).decode())


@app.command
def delete(job: str, *, options: Options = NO_OPTIONS) -> None:
    """
    Delete a job; what it did stays in the log.

    Parameters
    ----------
    job
        Its name or id.
    """
    with Gateway(options) as gateway:
        job_id = gateway.job_id(job)
        gateway.delete(f"/jobs/{job_id}")
    _say("deleted", job, job_id, options)


@app.command
def pause(job: str, *, reason: str | None = None, options: Options = NO_OPTIONS) -> None:
    """
    Stop a job's schedule; it can still be run by hand.

    Parameters
    ----------
    job
        Its name or id.
    reason
        Why; it is shown with the job, and by `orc why`.
    """
    with Gateway(options) as gateway:
        job_id = gateway.job_id(job)
        gateway.post(f"/jobs/{job_id}/pause", None if reason is None else {"reason": reason})
    _say("paused", job, job_id, options)


@app.command
def resume(job: str, *, options: Options = NO_OPTIONS) -> None:
    """
    Let a job's schedule go on from now.

    Parameters
    ----------
    job
        Its name or id.
    """
    with Gateway(options) as gateway:
        job_id = gateway.job_id(job)
        gateway.post(f"/jobs/{job_id}/resume")
    _say("resumed", job, job_id, options)


def _say(done: str, job: str, job_id: str, options: Options) -> None:
    if options.json:
        show_json({"job_id": job_id, "done": done})
    else:
        print(f"{done} {job}")
