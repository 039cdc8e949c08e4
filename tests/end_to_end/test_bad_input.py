"""Bad input gets the stated answer, row by row, and nothing is lost by it."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from support.rest import into, rows, task

INLINE = {"type": "inline", "rows": []}
BODY = {"job_name": "bad", "schedule": "@manual", "is_active": True, "tasks": [task(INLINE)]}


def api(**more: object) -> dict:
    return {"type": "api", "url": "https://api.example.com/data"} | more


def with_extractor(extractor: dict) -> dict:
    return BODY | {"tasks": [task(extractor)]}


REFUSED = {
    "unknown field": (BODY | {"owner": "me"}, "owner"),
    "wrong type": (BODY | {"is_active": "yes"}, "is_active"),
    "missing field": ({k: v for k, v in BODY.items() if k != "job_name"}, "job_name"),
    "no tasks": (BODY | {"tasks": []}, "tasks"),
    "bad cron": (BODY | {"schedule": "61 * * * *"}, "schedule"),
    "schedule that never fires": (BODY | {"schedule": "0 0 31 2 *"}, "schedule"),
    "unknown zone": (BODY | {"timezone": "Mars/Olympus"}, "timezone"),
    "unknown extractor": (with_extractor({"type": "ftp"}), "tasks[0].extractor_config.type"),
    "missing key": (with_extractor({"type": "csv"}), "tasks[0].extractor_config.path"),
    "unknown loader": (BODY | {"tasks": [task(INLINE, {"type": "s3"})]}, "tasks[0].loader_config.type"),
    "climbing path": (with_extractor({"type": "csv", "path": "../x.csv"}), "tasks[0].extractor_config.path"),
    "path like a URL": (
        with_extractor({"type": "csv", "path": "ftp://x/y.csv"}),
        "tasks[0].extractor_config.path",
    ),
    "climbing target": (
        BODY | {"tasks": [task(INLINE, into("../x.db", "t"))]},
        "tasks[0].loader_config.db_path",
    ),
    "literal secret": (
        with_extractor(api(headers={"Authorization": "Bearer hush"})),
        "tasks[0].extractor_config.headers.Authorization",
    ),
    "literal private address": (
        with_extractor(api(url="http://10.0.0.1/data")),
        "tasks[0].extractor_config.url",
    ),
    "metadata address": (with_extractor(api(url="http://169.254.169.254/")), "tasks[0].extractor_config.url"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_create_naming_the_field(rest, case):
    """What can be judged by its text alone is 400 problem+json with the field's path; nothing is appended."""
    body, field = REFUSED[case]
    before = rest.http.get("/events", params={"limit": 1000}).json()[-1:]
    answer = rest.http.post("/jobs", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert field in [error["field"] for error in problem["errors"]]
    assert "hush" not in answer.text
    assert rest.http.get("/events", params={"limit": 1000}).json()[-1:] == before


@pytest.mark.parametrize(
    ("content", "status"),
    [("{", 400), ("[" * 100 + "]" * 100, 400), ('"text"', 400), (f'{{"a": "{"x" * 1_100_000}"}}', 413)],
)
def test_malformed_bodies(rest, content, status):
    """A body that is no JSON, is nested too deeply, is no object, or is too large is refused for what it is."""
    answer = rest.http.post("/jobs", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_bad_identifiers_and_methods(rest):
    """A malformed id is 400, an unknown path 404, a wrong method 405, a wrong content type 415."""
    assert rest.http.get("/runs/not-a-uuid").status_code == 400
    assert rest.http.get("/nowhere").status_code == 404
    assert rest.http.patch("/jobs").status_code == 405
    assert rest.http.post("/jobs", content="a=b", headers={"Content-Type": "text/plain"}).status_code == 415
    assert rest.http.get("/runs", params={"limit": 0}).status_code == 400


def test_forged_tokens_all_get_the_same_answer(rest):
    """A token that is expired, forged or nonsense is 401, also where none would be needed."""
    answers = {
        rest.http.get("/jobs", headers={"Authorization": f"Bearer {token}"}).text
        for token in ("nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.")
    }
    assert len(answers) == 1
    assert '"status":401' in answers.pop().replace(" ", "")


@pytest.fixture(scope="module")
def odd_server() -> Iterator[str]:
    """Serve what sources should not: an error, a wrong shape, no JSON, and a redirect to the metadata address."""

    class Odd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind = self.path.strip("/")
            self.send_response({"gone": 404, "redirect": 302}.get(kind, 200))
            if kind == "redirect":
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
            self.wfile.write({"shape": b'{"a": 1}', "text": b"hello"}.get(kind, b""))

        def log_message(self, *_: object) -> None:
            """Say nothing: the test's output is the test runner's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def fails(rest, extractor: dict, *words: str, loader: dict | None = None) -> dict:
    job = rest.create_job("will fail", task(extractor, loader))
    run = rest.finished(rest.run(job))
    assert run["status"] == "failed"
    assert run["attempt"] == 1, "not worth another attempt"
    for word in words:
        assert word in run["error_message"], run["error_message"]
    return run


def test_paths_that_only_the_executor_can_judge(rest, data, tmp_path):
    """A path outside the roots, also by a symlink, fails the run naming ORC_FILE_ROOTS."""
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    link = data / "link.csv"
    if not link.is_symlink():
        link.symlink_to("/etc/passwd")
    fails(rest, {"type": "csv", "path": "/etc/passwd"}, "ORC_FILE_ROOTS")
    fails(rest, {"type": "csv", "path": "link.csv"}, "ORC_FILE_ROOTS")
    fails(rest, {"type": "csv", "path": str(outside)}, "ORC_FILE_ROOTS")


def test_sources_that_are_not_what_they_should_be(rest, data):
    """A missing file, a ragged CSV and a truncated Parquet each fail the run naming the file and the reason."""
    (data / "ragged.csv").write_text("a,b\n1,2\n3\n4,5,6\n")
    whole = (Path(__file__).parents[2] / "examples" / "data" / "flights.parquet").read_bytes()
    (data / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    fails(rest, {"type": "csv", "path": "missing.csv"}, "missing.csv")
    fails(rest, {"type": "csv", "path": "ragged.csv"}, "ragged.csv")
    fails(rest, {"type": "parquet", "path": "cut.parquet"}, "cut.parquet")


def test_apis_that_are_not_what_they_should_be(rest, odd_server):
    """A 404, a body that is no JSON, a wrong shape and a redirect to the metadata service fail the run, once."""
    fails(rest, {"type": "api", "url": f"{odd_server}/gone"}, "404")
    fails(rest, {"type": "api", "url": f"{odd_server}/text"}, "JSON")
    fails(rest, {"type": "api", "url": f"{odd_server}/shape", "records": "$.rows"}, "rows")
    fails(rest, {"type": "api", "url": f"{odd_server}/redirect"}, "169.254.169.254")


def test_missing_secret_names_both_places(rest, odd_server):
    """A secret that is nowhere fails the run naming the variable and the file it may be in."""
    auth = {"type": "bearer", "token": {"secret": "not-there"}}
    fails(
        rest,
        {"type": "api", "url": f"{odd_server}/x", "auth": auth},
        "ORC_SECRET_NOT_THERE",
        "secrets/not-there",
    )


def test_files_that_are_no_duckdb_file_are_never_touched(rest, data):
    """A target that is not a DuckDB file fails the run and is left as it was."""
    target = data / "notes.duckdb"
    target.write_text("my notes, not a database\n" * 100)
    fails(rest, {"type": "inline", "rows": [{"a": 1}]}, "notes.duckdb", loader=into("notes.duckdb", "t"))
    assert target.read_text() == "my notes, not a database\n" * 100


def test_odd_names_are_only_names(rest, data):
    """A table name with quotes and SQL in it is a name like any other."""
    name = 'x"; DROP TABLE kept; --'
    rest.finished(
        rest.run(
            rest.create_job("kept", task({"type": "inline", "rows": [{"a": 1}]}, into("odd.duckdb", "kept")))
        )
    )
    job = rest.create_job("odd", task({"type": "inline", "rows": [{"a": 2}]}, into("odd.duckdb", name)))
    assert rest.finished(rest.run(job))["status"] == "success"
    assert rows(data / "odd.duckdb", "SELECT a FROM kept") == [(1,)]
