"""The examples are what they say: jobs the system takes, and an API that hands out every record once."""

import csv
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from orc.commands.demo import api_server, find_examples, redirect
from orc.errors import DemoFailed
from orc.jobs_file import read_jobs
from orc_domain.extract import parse_extractor
from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.csv import CsvExtract
from orc_domain.extractors.parquet import ParquetExtract
from orc_domain.job_spec import JobSpec
from orc_domain.load import parse_loader

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def api():
    with api_server(EXAMPLES) as url:
        yield url


def ids(name: str, column: str) -> list[str]:
    with (EXAMPLES / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def test_every_example_job_is_taken():
    """Each job converts to the domain's own types, and each file it reads is there."""
    jobs = msgspec.convert(read_jobs(EXAMPLES / "jobs.yaml"), tuple[JobSpec, ...])
    extractors = [parse_extractor(task.extractor_config) for job in jobs for task in job.tasks]
    for job in jobs:
        for task in job.tasks:
            parse_loader(task.loader_config)
    files = [one.path for one in extractors if isinstance(one, CsvExtract | ParquetExtract)]
    assert [path for path in files if not (ROOT / path).exists()] == []
    paginations = {type(one.pagination).__name__ for one in extractors if isinstance(one, ApiExtract)}
    assert paginations == {"PageNumber", "Offset", "Cursor", "NextLink"}


def test_pages_by_number(api):
    """All pages together are the file, in its order."""
    pages = httpx.get(f"{api}/planes", params={"per_page": 1000}).json()["total_pages"]
    answers = [
        httpx.get(f"{api}/planes", params={"per_page": 1000, "page": page}).json()
        for page in range(1, pages + 1)
    ]
    assert [row["tailnum"] for answer in answers for row in answer["data"]] == ids("planes", "tailnum")


def test_pages_by_offset(api):
    """The total is told, and an offset past it is an empty page."""
    first = httpx.get(f"{api}/airports", params={"limit": 5000}).json()
    assert [row["faa"] for row in first["airports"]] == ids("airports", "faa")
    assert first["total"] == len(first["airports"])
    assert httpx.get(f"{api}/airports", params={"offset": 5000}).json()["airports"] == []


def test_pages_by_cursor(api):
    """Following cursors until there is none gives every record."""
    cursor, count = "", 0
    while cursor is not None:
        answer = httpx.get(f"{api}/weather", params={"cursor": cursor}).json()
        count, cursor = count + len(answer["items"]), answer["next_cursor"]
    assert count == len(ids("weather", "origin"))


def test_pages_by_next_link(api):
    """Following the Link header gives every record."""
    path, found = "/airlines", []
    while path:
        answer = httpx.get(f"{api}{path}")
        found += [row["carrier"] for row in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert found == ids("airlines", "carrier")


def test_values_have_types(api):
    """Numbers are numbers, missing is null, and codes stay text."""
    plane = httpx.get(f"{api}/planes", params={"per_page": 1}).json()["data"][0]
    assert plane == {
        "tailnum": "N10156", "year": 2004, "type": "Fixed wing multi engine", "manufacturer": "EMBRAER",
        "model": "EMB-145XR", "engines": 2, "seats": 55, "speed": None, "engine": "Turbo-fan",
    }  # fmt: skip


def test_bad_requests_are_refused(api):
    """A page that is no number is 400, another path 404; neither ends the server."""
    assert httpx.get(f"{api}/planes", params={"page": "x"}).status_code == 400
    assert httpx.get(f"{api}/nothing").status_code == 404


def test_demo_points_jobs_at_its_own_api():
    """Every occurrence of the usual address is replaced, wherever it stands."""
    job = {"a": ["http://127.0.0.1:8099/planes", 1], "b": {"url": "http://other/"}}
    assert redirect(job, "http://127.0.0.1:5") == {
        "a": ["http://127.0.0.1:5/planes", 1],
        "b": {"url": "http://other/"},
    }


def test_demo_without_examples(tmp_path):
    """A folder without the jobs file is named."""
    with pytest.raises(DemoFailed, match=str(tmp_path)):
        find_examples(tmp_path)


def test_api_server_help():
    """The script says how it is used."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "api_server.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "next_link" in done.stdout
