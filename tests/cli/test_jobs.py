"""`orc jobs`: a file becomes jobs, once, however often it is applied."""

import json

import pytest
from support.scripted import Answer

from orc.errors import BadFile
from orc.jobs_file import read_jobs

JOB = {"job_name": "a", "schedule": "@manual", "tasks": []}
ID = "00000000-0000-0000-0000-00000000000a"


def known(name: str = "a", version: int = 1, job_id: str = ID) -> dict:
    return {"job_id": job_id, "job_name": name, "version": version}


@pytest.fixture
def jobs_file(tmp_path):
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps([JOB]))
    return path


def test_apply_creates_what_is_not_there(orc, gateway, jobs_file):
    """A job of a new name is posted once, under a key that makes asking again harmless."""
    gateway.on("GET", "/jobs", [])
    gateway.on("POST", "/jobs", known())
    called = orc("jobs", "apply", "-f", str(jobs_file), "--json")
    assert (called.code, called.json_lines) == (0, [{"job_id": ID, "job_name": "a", "done": "created"}])
    (_, post) = gateway.asked
    assert (post.method, post.body) == ("POST", JOB)
    assert post.headers["Idempotency-Key"]


@pytest.mark.parametrize(("version", "done"), [(1, "unchanged"), (2, "changed")])
def test_apply_replaces_what_is_there(orc, gateway, jobs_file, version, done):
    """A job of a known name is put, and whether that changed it is seen by its version."""
    gateway.on("GET", "/jobs", [known("other", 5), known()])
    gateway.on("PUT", f"/jobs/{ID}", known(version=version))
    called = orc("jobs", "apply", "-f", str(jobs_file))
    assert (called.code, called.out) == (0, f"{done:9}  a  {ID}\n")
    assert [(asked.method, asked.body) for asked in gateway.asked] == [("GET", None), ("PUT", JOB)]
    assert gateway.asked[1].headers["If-Match"] == '"1"'


def test_apply_does_not_guess_between_two_of_one_name(orc, gateway, jobs_file):
    """Where a name stands for two jobs nothing is changed."""
    gateway.on("GET", "/jobs", [known(), known()])
    called = orc("jobs", "apply", "-f", str(jobs_file))
    assert (called.code, called.err) == (1, "orc: 2 jobs are called a: use the id\n")
    assert len(gateway.asked) == 1


def test_a_problem_is_one_line(orc, gateway, jobs_file):
    """A refusal says the field, the reason and what would be valid, and exits 1."""
    gateway.on("GET", "/jobs", [])
    fault = {"field": "tasks[0].type", "detail": "the type is missing", "valid": "api, csv"}
    problem = {"type": "x", "detail": "the type is missing", "errors": [fault]}
    gateway.on("POST", "/jobs", Answer(problem, status=400))
    called = orc("jobs", "apply", "-f", str(jobs_file))
    assert called.code == 1
    assert called.err == "orc: tasks[0].type: the type is missing (valid: api, csv) [400]\n"


def test_unavailable_is_asked_again_under_the_same_key(orc, gateway):
    """A 503 is no answer: the same request, with the same key, is sent until there is one."""
    gateway.on("POST", f"/jobs/{ID}/pause", Answer(status=503, headers={"Retry-After": "0"}), known())
    assert orc("jobs", "pause", ID).code == 0
    first, second = gateway.asked
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_list_show_and_delete(orc, gateway):
    """Jobs are listed as a table or as JSON, and found by their name."""
    timing = {
        "schedule": "@daily",
        "schedules": ["@hourly"],
        "timezone": "UTC",
        "dst": {"gap": "skip"},
        "exclude": [],
    }
    timing |= {"starts_at": None, "ends_at": None, "jitter_seconds": 0}
    job = known() | timing | {"is_active": True, "pool": "default"}
    following = {"next_due_at": ["a", "b", "c", "d", "e"]}
    task = {"task_order": 1, "extractor_config": {"type": "csv"}, "loader_config": {"type": "discard"}}
    gateway.on("GET", "/jobs", [job])
    gateway.on("GET", f"/jobs/{ID}", job | following | {"tasks": [task]})
    gateway.on("DELETE", f"/jobs/{ID}", Answer(status=204))
    gateway.on("POST", "/schedules/preview", {"description": "at midnight", "next": ["x"]})
    assert orc("jobs", "list", "--json").json == [job]
    assert orc("jobs", "list").out.splitlines()[1].split() == [ID, "a", "@daily", "UTC", "yes", "default"]
    assert orc("jobs", "show", "a", "--json").json == job | following | {"tasks": [task]}
    shown = orc("jobs", "show", "a").out
    assert '{"type": "csv"}' in shown
    assert "at midnight; next a, b, c\n" in shown
    assert gateway.asked[-1].body == timing
    assert orc("jobs", "delete", "a", "--json").json == {"job_id": ID, "done": "deleted"}


@pytest.mark.parametrize(
    ("arguments", "body"), [((), None), (("--reason", "moving house"), {"reason": "moving house"})]
)
def test_pause_says_why(orc, gateway, arguments, body):
    """A pause carries its reason, or no body at all."""
    gateway.on("POST", f"/jobs/{ID}/pause", known())
    assert orc("jobs", "pause", ID, *arguments, "--json").json == {"job_id": ID, "done": "paused"}
    assert gateway.asked[-1].body == body


def test_times_of_a_file_are_sent_as_they_are_written(orc, gateway, tmp_path):
    """YAML's own dates and times go to the gateway as text, so that their offset is what was meant."""
    path = tmp_path / "jobs.yaml"
    path.write_text(
        "- {job_name: a, exclude: [2026-12-25], starts_at: 2026-03-29T03:00:00+02:00, jitter_seconds: 5}\n"
    )
    gateway.on("GET", "/jobs", [])
    gateway.on("POST", "/jobs", known())
    assert orc("jobs", "apply", "-f", str(path)).code == 0
    assert gateway.asked[-1].body == {
        "job_name": "a",
        "exclude": ["2026-12-25"],
        "starts_at": "2026-03-29T03:00:00+02:00",
        "jitter_seconds": 5,
    }


def test_unknown_job(orc, gateway):
    """A name nobody has is said."""
    gateway.on("GET", "/jobs", [])
    called = orc("jobs", "show", "nobody")
    assert (called.code, called.err) == (1, "orc: there is no job nobody\n")


@pytest.mark.parametrize(
    "text",
    [
        "- {job_name: a}\n- {job_name: b}\n",
        '[{"job_name": "a"}, {"job_name": "b"}]',
        "jobs: [{job_name: a}, {job_name: b}]",
    ],
)
def test_shapes_of_a_file(tmp_path, text):
    """A list, in YAML or JSON, or one under `jobs`."""
    path = tmp_path / "jobs.yaml"
    path.write_text(text)
    assert read_jobs(path) == [{"job_name": "a"}, {"job_name": "b"}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- {job_name: a}\n- {job_name: a}\n", "job_name a stands there twice"),
        ("- {job_name: a}\n- {name: b}\n", "job 2 has no job_name"),
        ("just a text", "holds no list of jobs"),
        ("{broken", "while parsing"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_bad_files(tmp_path, text, reason):
    """What is wrong with a file is said in one line."""
    path = tmp_path / "jobs.yaml"
    path.write_text(text)
    with pytest.raises(BadFile) as caught:
        read_jobs(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(orc):
    """A file that is not there exits 1 with its name."""
    called = orc("jobs", "apply", "-f", "/nowhere.yaml")
    assert (called.code, called.err) == (1, "orc: /nowhere.yaml: No such file or directory\n")
