"""Real files and a real paginated API end up in DuckDB tables, by hand and on cron."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from support.rest import into, rows, task, until

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
PAGE_SIZE = 500


@pytest.fixture(scope="module")
def planes_api() -> Iterator[str]:
    """Serve the planes of nycflights13 page by page, as a JSON object with a `planes` array."""
    with (EXAMPLES / "planes.csv").open() as file:
        planes = list(csv.DictReader(file))

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
            chosen = planes[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
            body = json.dumps({"planes": chosen, "page": page}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the test's output is the test runner's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/planes"
    server.shutdown()


def test_flights_from_gzip_csv_with_missing_values(rest, data):
    """336,776 flights are loaded from a gzip CSV, `NA` as null, with types."""
    job = rest.create_job(
        "flights",
        task(
            {"type": "csv", "path": str(EXAMPLES / "flights.csv.gz"), "null_values": ["NA"]},
            into("flights.duckdb", "flights"),
        ),
    )
    run = rest.finished(rest.run(job))
    assert run["status"] == "success", run
    found = rows(
        data / "flights.duckdb", "SELECT count(*), count(dep_time), sum(distance)::BIGINT FROM flights"
    )
    assert found == [(336776, 328521, 350217607)]


def test_flights_from_parquet_equal_those_from_csv(rest, data):
    """The Parquet of flights loads to the same number of rows."""
    job = rest.create_job(
        "flights parquet",
        task(
            {"type": "parquet", "path": str(EXAMPLES / "flights.parquet")}, into("parquet.duckdb", "flights")
        ),
    )
    assert rest.finished(rest.run(job))["status"] == "success"
    assert rows(data / "parquet.duckdb", "SELECT count(*) FROM flights") == [(336776,)]


def test_paginated_api(rest, data, planes_api):
    """All pages of an API are loaded, once, and a second run replaces the table."""
    extractor = {
        "type": "api", "url": planes_api, "records": "$.planes",
        "pagination": {"type": "page_number", "size": PAGE_SIZE},
    }  # fmt: skip
    job = rest.create_job("planes", task(extractor, into("planes.duckdb", "planes")))
    for _ in range(2):
        run = rest.finished(rest.run(job))
        assert run["status"] == "success", run
        assert rows(data / "planes.duckdb", "SELECT count(*), count(DISTINCT tailnum) FROM planes") == [
            (3322, 3322)
        ]


def test_append_adds_and_tasks_run_in_order(rest, data):
    """Two tasks that append to one table add their rows in the order they stand in the job."""
    batches = [[{"n": 1}, {"n": 2}], [{"n": 3}]]
    tasks = [
        task({"type": "inline", "rows": batch}, into("append.duckdb", "t", write_disposition="append"))
        for batch in batches
    ]
    run = rest.finished(rest.run(rest.create_job("append", *tasks)))
    assert run["status"] == "success", run
    assert rows(data / "append.duckdb", "SELECT n FROM t ORDER BY rowid") == [(1,), (2,), (3,)]


def test_a_failed_load_leaves_the_table_as_it_was(rest, data):
    """A malformed file fails the run with its line, is not tried again, and the table keeps its rows."""
    good, bad = data / "good.csv", data / "bad.csv"
    good.write_text("a,b\n1,2\n3,4\n")
    bad.write_text("a,b\n1,2\n3,4,5,6\n7,8\n")
    target = into("kept.duckdb", "t")
    assert (
        rest.finished(rest.run(rest.create_job("good", task({"type": "csv", "path": "good.csv"}, target))))[
            "status"
        ]
        == "success"
    )
    run = rest.finished(rest.run(rest.create_job("bad", task({"type": "csv", "path": "bad.csv"}, target))))
    assert (run["status"], run["attempt"]) == ("failed", 1)
    assert "bad.csv" in run["error_message"]
    assert "line" in run["error_message"].lower()
    assert rows(data / "kept.duckdb", "SELECT * FROM t ORDER BY a") == [(1, 2), (3, 4)]


def test_every_second_for_thirty_seconds(rest):
    """A job on `* * * * * *` has exactly one run for each of 30 due instants, on the second."""
    job = rest.create_job("tick", task({"type": "inline", "rows": []}), schedule="* * * * * *")

    def enough() -> list[dict] | None:
        found = rest.get("/runs", job_id=job["job_id"])
        return found if len(found) >= 30 else None

    runs = until(enough, "30 ticks")
    assert rest.http.post(f"/jobs/{job['job_id']}/pause").status_code == 200
    due = sorted(datetime.fromisoformat(run["due_at"]) for run in runs)
    assert Counter(due).most_common(1)[0][1] == 1
    assert due == [due[0] + timedelta(seconds=n) for n in range(len(due))]
    assert {instant.microsecond for instant in due} == {0}
    assert {run["triggered_by"] for run in runs} == {"scheduler"}


def test_same_key_is_the_same_run(rest):
    """A trigger repeated with its Idempotency-Key is one run, also when both arrive at once."""
    job = rest.create_job("once", task({"type": "inline", "rows": []}))

    def trigger(_: int) -> str:
        answer = rest.http.post(f"/jobs/{job['job_id']}/run", headers={"Idempotency-Key": "monday"})
        assert answer.status_code == 200, answer.text
        return answer.json()["run_id"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(trigger, range(16)))) == 1
    assert len(rest.get("/runs", job_id=job["job_id"])) == 1
