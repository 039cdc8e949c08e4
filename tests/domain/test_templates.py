"""Templates in extractor configs: what they become, what is refused, and that no rule is got past by one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from orc_domain.job import NO_JOB, CreateJob, JobCreated, evolve
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.rejection import Invalid
from orc_domain.requests import RunRefused, request_run, retry_run
from orc_domain.run import NO_RUN, decide
from orc_domain.run import evolve as evolve_run
from orc_domain.run_messages import RunFailed, RunRequested
from orc_domain.templates import Window, render, window_of
from orc_domain.timetable import Timing, parse_timetable
from orc_events.scenario import Scenario
from orc_runtime.deciders import JOBS

AT = datetime(2026, 5, 13, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TOKYO = ZoneInfo("Asia/Tokyo")
WINDOW = Window(AT - DAY, AT, ZoneInfo("UTC"))
URL = "https://example.org/"
JOB, RUN = UUID(int=1), UUID(int=2)
API_WITH = {"type": "api", "url": "https://example.org/{parent.id}"}
OAUTH = {"type": "oauth2_client_credentials", "client_id": "me", "client_secret": {"secret": "it"}}


def spec(extractor, **said):
    task = TaskSpec(extractor, {"type": "discard"})
    return JobSpec(**({"job_name": "flights", "schedule": "0 9 * * *", "tasks": (task,)} | said))


def job(extractor, **said):
    return evolve(NO_JOB, JobCreated(JOB, spec(extractor, **said)), AT)


def refused(extractor, **said):
    return Scenario(JOBS).when(CreateJob(JOB, spec(extractor, **said))).rejected(Invalid)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ due_at }}", "2026-05-13T09:00:00Z"),
        ("{{due_at}}", "2026-05-13T09:00:00Z"),
        ("from {{ window_start }} to {{ window_end }}", "from 2026-05-12T09:00:00Z to 2026-05-13T09:00:00Z"),
        ("{{ due_at:%Y-%m-%d }}.csv", "2026-05-13.csv"),
        ("{{ due_at : %Y/%m/%d %H:%M }}", "2026/05/13 09:00"),
        ("{{ due_at:100%% of %j }}", "100% of 133"),
        ("{{ due_at:%d }}{{ window_start:%d }}", "1312"),
        ('{"day":{"is":"{{ due_at:%d }}"}}', '{"day":{"is":"13"}}'),
        ('{"at":{{ due_at:%d }}}', '{"at":13}'),
        ('{"a":{"b":1}}', '{"a":{"b":1}}'),
        ("{ plain }", "{ plain }"),
    ],
)
def test_rendered(text, rendered):
    """A name becomes RFC 3339 in UTC, with a format what strftime makes of it; single braces are text."""
    assert render({"x": text}, WINDOW) == {"x": rendered}


def test_formats_are_in_the_jobs_zone():
    """A day is the job's day; without a format an instant is an instant."""
    late = Window(AT, AT.replace(hour=20), TOKYO)
    assert render({"x": "{{ due_at:%d %H %z %Z }} {{ due_at }}"}, late) == {
        "x": "14 05 +0900 JST 2026-05-13T20:00:00Z"
    }


def test_every_string_but_keys_and_secrets():
    """Values are rendered however deep they stand; keys, numbers and names of secrets are not."""
    config = {
        "{{ due_at }}": 1, "a": {"b": ["{{ due_at:%d }}", 2, None, True]}, "auth": {"secret": "{{ due_at }}"},
    }  # fmt: skip
    assert render(config, WINDOW) == {**config, "a": {"b": ["13", 2, None, True]}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ due }}", "'due'"),
        ("{{ }}", "''"),
        ("{{ due_at", "not closed"),
        ("{{ due_at }", "not closed"),
        ("due_at }}", "closes nothing"),
        ("{ due_at }}", "closes nothing"),
        ("{{ due_at:%Q }}", "'%Q'"),
        ("{{ due_at:%-d }}", "'%-'"),
        ("{{ due_at:%x }}", "'%x'"),
        ("{{ due_at:%D }}", "'%D'"),
        ("{{ due_at:% }}", "'%'"),
        ("{{ due_at: }}", "nothing of the time"),
        ("{{ due_at:day }}", "nothing of the time"),
        ("{{ due_at:%% }}", "nothing of the time"),
        ("{{ due_at + 1 }}", "'due_at + 1'"),
        ("{{" * 400, "not closed"),
    ],
)
def test_what_a_template_may_not_say(text, words):
    """Unknown names and directives, and braces without their other, are refused at create, naming the field."""
    error = refused({"type": "api", "url": URL, "params": {"day": text}})
    assert (error.field, words in error.detail) == ("tasks[0].extractor_config.params.day", True), (
        error.detail
    )
    assert "window_end" in (error.valid or "") or "%Y" in (error.valid or "")


def test_many_braces_are_read_in_one_pass():
    """A text of nothing but opening braces is refused as fast as any other."""
    error = refused({"type": "inline", "rows": [{"n": "{{" * 200_000}]})
    assert error.field == "tasks[0].extractor_config.rows[0].n"


@pytest.mark.parametrize(
    ("extractor", "field"),
    [
        ({"type": "csv", "path": "{{ due_at:..%% }}/%Y"}, "path"),
        ({"type": "csv", "path": "{{ due_at:../%Y }}"}, "path"),
        ({"type": "csv", "path": "a/{{ due_at:../../%Y }}.csv"}, "path"),
        ({"type": "csv", "path": ".{{ due_at:./%Y }}.csv"}, "path"),
        ({"type": "csv", "path": "{{ due_at:http://%Y }}"}, "path"),
        ({"type": "parquet", "path": "{{ due_at:~%Y }}"}, "path"),
        ({"type": "api", "url": "https://{{ due_at:%Y }}.example.org/"}, "url"),
        ({"type": "api", "url": "https://10.0.0.{{ due_at:%d }}/"}, "url"),
        ({"type": "api", "url": "{{ due_at:https://example.org/%Y }}"}, "url"),
        ({"type": "api", "url": "https://example.org{{ due_at:.evil.org/%Y }}"}, "url"),
        ({**API_WITH, "parent": {"url": "https://{{ due_at:%Y }}.example.org/"}}, "parent.url"),
        ({**API_WITH, "auth": {**OAUTH, "token_url": "https://{{ due_at:%Y }}.example.org/"}}, "auth.token_url"),
        ({"type": "csv", "path": ["a.csv", "s3://bucket{{ due_at:%Y }}/a.csv"]}, "path[1]"),
        ({"type": "api", "url": URL + "{{ due_at:%H %M }}"}, "url"),
        ({"type": "api", "url": URL + "?api_key={{ due_at:%Y }}"}, "url"),
        ({"type": "api", "url": URL, "params": {"password": "{{ due_at }}"}}, "params.password"),
        ({"type": "api", "url": URL, "params": {"q": "{{ due_at:%Y }} ghp_" + "a" * 36}}, "params.q"),
        ({"type": "api", "url": URL, "headers": {"Host": "{{ due_at }}"}}, "headers.Host"),
        ({"type": "{{ due_at }}"}, "type"),
    ],
)  # fmt: skip
def test_no_rule_is_got_past(extractor, field):
    """A config is judged as it will be rendered: what a user may not write, a template may not make."""
    assert refused(extractor).field == f"tasks[0].extractor_config.{field}"


@pytest.mark.parametrize(
    "extractor",
    [
        {"type": "csv", "path": "day/{{ due_at:%Y/%m/%d }}.csv"},
        {"type": "api", "url": URL + "{{ due_at:%Y-%m-%d }}?since={{ window_start }}&until={{ window_end }}"},
        {"type": "api", "url": "https://example.org?day={{ due_at }}", "params": {"x": "{{ due_at }}"}},
        {"type": "api", "url": URL, "headers": {"If-Modified-Since": "{{ window_start:%a, %d %b %Y %H:%M:%S GMT }}"}},
        {"type": "inline", "rows": [{"day": "{{ due_at }}"}]},
    ],
)  # fmt: skip
def test_what_templates_are_for(extractor):
    """Dates in paths, URLs, queries, parameters and headers are taken."""
    Scenario(JOBS).when(CreateJob(JOB, spec(extractor))).then(JobCreated(JOB, spec(extractor)))


def test_a_window_needs_a_schedule():
    """A job that runs by hand only has an instant, the time it was asked for, but no window."""
    config = {"type": "csv", "path": "{{ window_start:%d }}.csv"}
    error = refused(config, schedule="@manual")
    assert (error.field, "by hand" in error.detail) == ("tasks[0].extractor_config.path", True)


@pytest.mark.parametrize(
    ("timing", "start"),
    [
        (Timing(schedules=("0 9 * * *",)), AT - DAY),
        (Timing(schedules=("0 9 * * *", "0 3 * * *")), AT - timedelta(hours=6)),
        (Timing(schedules=("0 9 * * *",), starts_at=AT), AT - DAY),
        (Timing(schedules=("0 9 * * *",), exclude=("2026-05-12",)), AT - DAY),
        (Timing(schedules=("@manual",)), AT),
        (Timing(schedules=("0 0 9 13 5 * 2026",)), AT),
    ],
)
def test_windows(timing, start):
    """A window begins with the schedule's instant before, let pass or not, even before the first; else it is empty."""
    table = parse_timetable(timing)
    assert window_of(table, AT) == Window(start, AT, table.zone)


CSV = {"type": "csv", "path": "{{ due_at:%Y-%m-%d }}.csv"}


def test_a_run_holds_what_was_rendered():
    """A scheduled run and a backfill's are rendered for their instant, one by hand for the time it was asked for."""
    later = AT + timedelta(days=3, hours=5)
    asked = {
        "scheduler": {"due_at": AT}, "backfill": {"due_at": AT - DAY, "backfill_id": RUN}, "manual": {"at": later},
    }  # fmt: skip
    paths = {
        cause: request_run(job(CSV), RUN, cause, **of).tasks[0].extractor_config["path"]
        for cause, of in asked.items()
    }
    assert paths == {
        "scheduler": "2026-05-13.csv", "backfill": "2026-05-12.csv", "manual": "2026-05-16.csv",
    }  # fmt: skip


def test_a_retry_fetches_the_same():
    """A retry's configs are those of the run it repeats, and so is its instant."""
    request = request_run(job(CSV), RUN, "scheduler", due_at=AT)
    failed = NO_RUN
    for event in (*decide(request, NO_RUN), RunFailed(attempt=1, kind="x", message="y")):
        failed = evolve_run(failed, event, AT)
    again = retry_run(failed, UUID(int=9))
    assert (again.tasks, again.due_at, again.triggered_by) == (request.tasks, AT, "retry")


TIGHT = {"type": "csv", "path": "{{ due_at:%A }}/" + ("a" * 250 + "/") * 4 + "a" * 12}
"""As recorded under other rules: on a Wednesday, as `AT` is, the path is longer than one may be; on a Tuesday it is not."""


def test_a_scheduled_run_whose_configs_are_refused():
    """Its instant still has its run, which has failed with the reason; it cannot be retried as it is."""
    request = request_run(job(TIGHT), RUN, "scheduler", due_at=AT)
    requested, ended = decide(request, NO_RUN)
    assert isinstance(requested, RunRequested)
    assert request_run(job(TIGHT), RUN, "scheduler", due_at=AT - DAY).refused is None
    assert requested.tasks[0].extractor_config == TIGHT
    assert ended == RunFailed(attempt=0, kind="config_refused", message=request.refused)
    assert (request.refused or "").startswith("tasks[0].extractor_config.path: ")
    failed = evolve_run(evolve_run(NO_RUN, requested, AT), ended, AT)
    assert failed.status == "failed"
    with pytest.raises(RunRefused):
        retry_run(failed, UUID(int=9))


def test_a_run_by_hand_whose_configs_are_refused():
    """Whoever asks for it is told, and no run begins."""
    with pytest.raises(Invalid) as error:
        request_run(job(TIGHT), RUN, "manual", at=AT)
    assert error.value.field == "tasks[0].extractor_config.path"


def test_other_configs_are_the_jobs_own():
    """Without a template nothing is read, and the config is the very one of the job."""
    plain = job({"type": "csv", "path": "a.csv"})
    assert plain.spec is not None
    (task,) = request_run(plain, RUN, "manual").tasks
    assert task.extractor_config is plain.spec.tasks[0].extractor_config
    assert structs.asdict(request_run(plain, RUN, "manual"))["refused"] is None
