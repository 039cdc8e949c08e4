"""The JSON Schema of jobs takes what the gateway takes, refuses what it refuses by its form, and says what words mean."""

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from support.plugins import EXAMPLES, RSS, SQLITE, announce, on_path

from orc.jobs_file import read_jobs
from orc_domain import extract, load
from orc_domain.extract import parse_extractor
from orc_domain.job_spec import JobSpec
from orc_domain.load import parse_loader
from orc_domain.rejection import Invalid
from orc_runtime.job_schema import job_schema, jobs_schema

ROOT = Path(__file__).parents[2]
FILES = [path for path in (ROOT / "examples").iterdir() if path.suffix in {".yaml", ".yml", ".json"}]
FENCED = re.compile(r"^```(json|yaml)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
API = {"type": "api", "url": "https://host/x"}
CSV = {"type": "csv", "path": "a.csv"}
DUCKDB = {"type": "duckdb", "db_path": "a.duckdb", "table_name": "t"}


@pytest.fixture(scope="module")
def job():
    return Draft202012Validator(json.loads(job_schema()))


@pytest.fixture(scope="module")
def jobs():
    return Draft202012Validator(json.loads(jobs_schema()))


@pytest.fixture
def example_plugins(tmp_path, monkeypatch):
    announce(tmp_path, {**SQLITE, "orc.extractors": {**RSS["orc.extractors"], "gone": "nowhere:X"}})
    with on_path(monkeypatch, tmp_path, EXAMPLES):
        forget_schemas()
        yield
    forget_schemas()


def forget_schemas():
    job_schema.cache_clear()
    jobs_schema.cache_clear()


def with_task(extractor=CSV, loader=DUCKDB, **more):
    task = {"extractor_config": extractor, "loader_config": loader}
    return {"job_name": "a", "schedule": "@manual", "tasks": [task], **more}


def documented_jobs():
    """Yield every whole job that stands in the docs."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for language, text in FENCED.findall(page.read_text()):
            content = yaml.safe_load(text) if language == "yaml" else json.loads(text)
            found = content if isinstance(content, list) else [content]
            if all(isinstance(one, dict) and "job_name" in one and "tasks" in one for one in found):
                yield pytest.param(content, id=f"{page.stem}-{found[0]['job_name']}")


def test_schemas_are_schemas(job, jobs):
    """Both follow the draft they name."""
    for one in (job, jobs):
        Draft202012Validator.check_schema(one.schema)
        assert one.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_example_files_are_valid(jobs, job, path):
    """The examples' files as a whole, and each job of them alone."""
    listed = read_jobs(path)
    jobs.validate(listed)
    jobs.validate({"jobs": listed})
    for one in listed:
        job.validate(one)
        jobs.validate(one)


@pytest.mark.parametrize("content", list(documented_jobs()))
def test_documented_jobs_are_valid(example_plugins, content):
    """Whatever job the docs show, those of the example plugins among them."""
    Draft202012Validator(json.loads(jobs_schema())).validate(content)


def test_a_whole_job_is_valid_both_ways(job):
    """Every kind with a word of each sort: what msgspec takes, the schema takes."""
    whole = with_task(
        {
            **API,
            "params": {"a": 1, "key": {"secret": "key"}},
            "auth": {"type": "bearer", "token": {"secret": "token"}},
            "pagination": {"type": "offset", "limit": 5},
            "incremental": {"cursor": "at", "param": "since", "lag": "2h"},
        },
        {**DUCKDB, "write_disposition": "merge", "primary_key": ["id"],
         "checks": [{"type": "not_null", "columns": ["id"]}], "schema_contract": {"columns": "freeze"}},
        starts_at="2026-05-13T09:00:00Z", catch_up={"mode": "last"},
    )  # fmt: skip
    job.validate(whole)
    msgspec.convert(whole, JobSpec)
    parse_extractor(whole["tasks"][0]["extractor_config"])
    parse_loader(whole["tasks"][0]["loader_config"])


@pytest.mark.parametrize(
    "config",
    [
        {}, {"type": None}, {"type": "cvs", "path": "a.csv"}, {**CSV, "paths": "b.csv"}, {"type": "csv"},
        {**CSV, "path": ""}, {**CSV, "path": []}, {**CSV, "header": "yes"}, {**CSV, "skip_lines": -1},
        {**CSV, "on_bad_rows": {"mode": "drop"}}, {**CSV, "on_bad_rows": {"most": 1}}, {**CSV, "delimiter": ""},
        {**CSV, "decimal_separator": ";"}, {**CSV, "incremental": {}}, {**CSV, "incremental": {"cursor": "a", "lag": "x"}},
        {**CSV, "columns": {}}, {**CSV, "rename": ["a"]}, {"type": "json", "path": "a", "on_bad_rows": {}},
        {"type": "inline", "rows": [1]}, {"type": "sql", "table": "t"}, {"type": "sql", "connection": "postgresql://x"},
        {**API, "method": "PUT"}, {**API, "auth": {"type": "bearer", "token": "abc"}}, {**API, "auth": {"type": "bear"}},
        {**API, "auth": {"type": "bearer", "token": {"secret": "No Name"}}},
        {**API, "pagination": {"type": "pages"}}, {**API, "pagination": {"type": "single", "size": 1}},
        {**API, "concurrency": 65}, {**API, "rate_limit_per_second": 0}, {**API, "headers": {"a": 1}},
        {**API, "response_actions": [{"action": "explode"}]}, {**API, "parent": {"records": "$"}},
    ],
)  # fmt: skip
def test_extractors_that_are_refused_by_their_form(job, config):
    """An unknown type or word, a missing one, a value out of bounds: the schema refuses what the gateway refuses."""
    with pytest.raises(Invalid):
        parse_extractor(config)
    assert not job.is_valid(with_task(config))


@pytest.mark.parametrize(
    "config",
    [
        {}, {"type": "duck"}, {**DUCKDB, "table": "t"}, {"type": "duckdb", "db_path": "a"}, {**DUCKDB, "table_name": ""},
        {**DUCKDB, "write_disposition": "upsert"}, {**DUCKDB, "merge": {"strategy": "x"}}, {**DUCKDB, "nested": "deep"},
        {**DUCKDB, "schema_contract": {"rows": "freeze"}}, {**DUCKDB, "checks": [{"type": "odd"}]},
        {**DUCKDB, "checks": [{"type": "unique"}]}, {**DUCKDB, "primary_key": []}, {**DUCKDB, "primary_key": "id"},
        {"type": "parquet", "path": "a", "compression": "lz4"}, {"type": "discard", "path": "a"},
        {"type": "postgres", "connection": {"secret": "a"}}, {"type": "postgres", "connection": "a", "table_name": "t"},
    ],
)  # fmt: skip
def test_loaders_that_are_refused_by_their_form(job, config):
    """The same of loaders."""
    with pytest.raises(Invalid):
        parse_loader(config)
    assert not job.is_valid(with_task(loader=config))


@pytest.mark.parametrize(
    "more",
    [
        {"job_name": ""}, {"tasks": []}, {"schedule": None}, {"shedule": "@daily"}, {"overlap": {"mode": "wait"}},
        {"retry": {"attempts": 3}}, {"priority": 101}, {"is_active": "yes"}, {"tasks": [{"extractor_config": CSV}]},
    ],
)  # fmt: skip
def test_jobs_that_are_refused_by_their_form(job, jobs, more):
    """The same of what stands around the tasks."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(with_task(**more), JobSpec)
    assert not job.is_valid(with_task(**more))
    assert not jobs.is_valid([with_task(**more)])


def test_every_word_is_explained(job):
    """Each property of each kind has a description, and each kind has one."""
    described = {name: one for name, one in job.schema["$defs"].items() if one.get("type") == "object"}
    assert len(described) > 40
    assert [name for name, one in described.items() if not one.get("description")] == []
    assert [
        f"{name}.{word}"
        for name, one in described.items()
        for word, property_ in one["properties"].items()
        if not property_.get("description")
    ] == []


def test_every_kind_is_there(job):
    """The types that an editor offers are those that exist."""
    task = job.schema["$defs"]["TaskSpec"]["properties"]
    assert sorted(task["extractor_config"]["properties"]["type"]["enum"]) == sorted(extract.TYPES)
    assert sorted(task["loader_config"]["properties"]["type"]["enum"]) == sorted(load.TYPES)
    assert len(task["extractor_config"]["oneOf"]) == len(get_args(extract.BuiltIn))


def test_patterns_are_those_of_editors():
    r"""ECMA 262 knows no \Z."""
    assert rb"\\Z" not in job_schema()


def test_plugins_are_kinds_like_others(example_plugins):
    """Their words, those of the base and what they say of themselves are in the schema; one that is broken is not."""
    schema = json.loads(job_schema())
    types = schema["$defs"]["TaskSpec"]["properties"]["extractor_config"]["properties"]["type"]["enum"]
    assert ("rss" in types, "gone" in types) == (True, False)
    words = schema["$defs"]["RssConfig"]["properties"]
    assert words["url"]["description"] == "Of the feed: https://host/feed.xml"
    assert all(word.get("description") for word in words.values())
    validator = Draft202012Validator(schema)
    rss, sqlite = {"type": "rss", "url": "https://host/x"}, {"type": "sqlite", "path": "a", "table": "t"}
    validator.validate(with_task(rss, sqlite))
    assert not validator.is_valid(with_task({**rss, "uri": "x"}, sqlite))
    assert not validator.is_valid(with_task(rss, {**sqlite, "table": "a b"}))
