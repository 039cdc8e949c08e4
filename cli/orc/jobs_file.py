"""
Read jobs from a file: JSON, or the YAML that orc-rust-ator keeps its jobs in.

A file holds a list of jobs, one job, or a mapping with the list under `jobs`; each has the fields of `POST /jobs`,
whose meaning the gateway judges.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from orc.errors import BadFile

FILE_BYTES_MAX = 16 * 1024**2
SUFFIXES = (".json", ".yaml", ".yml")
"""Of what is taken for a job file where something else may be meant."""


class _Loader(yaml.SafeLoader):
    """YAML without dates: a day to exclude, or a time with its offset, goes to the gateway as it was written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_jobs(path: Path) -> list[dict[str, Any]]:
    """Return the jobs of a file in their order; raises BadFile."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadFile(path, f"is larger than {FILE_BYTES_MAX} bytes")
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)  # noqa: S506 - a safe one
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, getattr(error, "strerror", None) or str(error)) from error
    except (json.JSONDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadFile(path, " ".join(str(error).split())) from error
    return _judge(path, content)


def _judge(path: Path, content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict):
        content = content["jobs"] if set(content) == {"jobs"} else [content]
    if not isinstance(content, list):
        raise BadFile(path, "holds no list of jobs")
    names = set[str]()
    for number, job in enumerate(content, start=1):
        if not isinstance(job, dict) or not isinstance(job.get("job_name"), str):
            raise BadFile(path, f"job {number} has no job_name")
        if job["job_name"] in names:
            raise BadFile(path, f"job_name {job['job_name']} stands there twice")
        names.add(job["job_name"])
    return content
