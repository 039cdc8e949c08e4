"""What is installed beside the built-in kinds, and what becomes of one that cannot be used."""

import subprocess
import sys
from textwrap import dedent

import pytest
from support.plugins import announce, on_path

from orc_domain.extract import TYPES, parse_extractor
from orc_domain.load import TYPES as LOADER_TYPES
from orc_domain.load import parse_loader
from orc_domain.plugins import EXTRACTORS, LOADERS, faults, installed
from orc_domain.rejection import Invalid
from orc_domain.task_rules import check_task

MODULE = """
from typing import Annotated
from msgspec import Meta
from orc_executor.plugins import ExtractorConfig, Invalid, LoaderConfig, SecretRef

class Words(ExtractorConfig, frozen=True, tag="words"):
    \"\"\"Words.\"\"\"
    text: Annotated[str, Meta(min_length=1)]
    password: SecretRef | str | None = None
    options: dict[str, str] = {}
    def check(self, field):
        if self.text == "choke":
            raise KeyError("choked")
        if " " in self.text:
            raise Invalid(f"{field}.text", "more than one word", valid="one word")

class Extractor:
    config = Words
    def batches(self, config, context):
        yield [{"word": config.text}]

class Away(LoaderConfig, frozen=True, tag="away"):
    \"\"\"Away.\"\"\"

class Loader:
    config = Away
    def transaction(self, config, context):
        raise NotImplementedError

class Untagged:
    class config(ExtractorConfig, frozen=True):
        \"\"\"Nothing.\"\"\"
    def batches(self, config, context): ...

class Motionless:
    class config(ExtractorConfig, frozen=True, tag="motionless"):
        \"\"\"Nothing.\"\"\"

class Confless:
    config = dict
    def batches(self, config, context): ...
"""
GOOD = {"orc.extractors": {"words": "demo:Extractor"}, "orc.loaders": {"away": "demo:Loader"}}


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Announce entry points, by name of the distribution, and have them known."""
    (tmp_path / "demo.py").write_text(dedent(MODULE))
    (tmp_path / "broken.py").write_text("import a_module_that_nobody_has")
    (tmp_path / "ending.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    sys.modules.pop("demo", None)

    def announced(points=GOOD, **more):
        for name, own in {"demo": points, **more}.items():
            announce(tmp_path, own, name)
        context = on_path(monkeypatch, tmp_path)
        context.__enter__()
        contexts.append(context)

    contexts = []
    yield announced
    for context in contexts:
        context.__exit__(None, None, None)


def refusal(parse, config):
    with pytest.raises(Invalid) as caught:
        parse(config)
    return caught.value.field, caught.value.detail, caught.value.valid


def test_a_plugin_is_a_type_like_any_other(plugins):
    """Its config is typed, with the words about columns that come with the base."""
    plugins()
    config = parse_extractor({"type": "words", "text": "a", "select": ["word"], "rename": {"word": "w"}})
    assert (type(config).__name__, config.text, config.select) == ("Words", "a", ("word",))
    assert type(parse_loader({"type": "away"})).__name__ == "Away"


@pytest.mark.parametrize(
    ("more", "field", "detail", "valid"),
    [
        ({"texts": 1}, "texts", "Object contains unknown field `texts`",
         "the keys type, text, password, options, columns, select, rename, incremental"),
        ({"text": 1}, "text", "Expected `str`, got `int`", None),
        ({"text": "a b"}, "text", "more than one word", "one word"),
        ({"select": ["a", "A"]}, "select", "'A' stands twice", "each name once, in any case"),
        ({"columns": {"a": "NUMBER9"}}, "columns.a", "'NUMBER9' is no type", None),
        ({"password": "hunter2"}, "password", "a secret is written literally", '{"secret": "name"}'),
        ({"options": {"api_key": "x"}}, "options.api_key", "a secret is written literally", '{"secret": "name"}'),
        ({"options": {"a": "ghp_" + "a1" * 20}}, "options.a", "a secret is written literally", None),
    ],
)  # fmt: skip
def test_its_config_is_judged_where_the_job_is_created(plugins, more, field, detail, valid):
    """By its types, by the rules of the house (columns, secrets), and by its own, each naming the field."""
    plugins()
    said = refusal(parse_extractor, {"type": "words", "text": "a", **more})
    assert said[:2] == (f"extractor_config.{field}", detail)
    assert valid is None or said[2] == valid


def test_secrets_by_reference_and_columns_of_any_name_pass(plugins):
    """A reference is no secret, and a column may be called password."""
    plugins()
    named = {"password": {"secret": "pw"}, "rename": {"password": "pw"}, "select": ["password"]}
    assert parse_extractor({"type": "words", "text": "a", **named}).password.secret == "pw"


def test_a_check_that_fails_refuses_the_config(plugins):
    """What the plugin's own judgement raises ends in a refusal naming the plugin."""
    plugins()
    field, detail, _ = refusal(parse_extractor, {"type": "words", "text": "choke"})
    assert (field, detail) == ("extractor_config", "the plugin words cannot judge it: KeyError: 'choked'")


def test_an_unknown_type_is_refused_with_all_that_are_known(plugins):
    """Plugins that can be used are among them, in their group."""
    plugins({**GOOD, "orc.extractors": {**GOOD["orc.extractors"], "gone": "broken:X"}})
    assert refusal(parse_extractor, {"type": "word"}) == (
        "extractor_config.type", "the type 'word' is not known", ", ".join((*TYPES, "words")),
    )  # fmt: skip
    assert refusal(parse_loader, {})[2] == ", ".join((*LOADER_TYPES, "away"))
    assert refusal(parse_loader, {"type": ["away"]})[0] == "loader_config.type"


@pytest.mark.parametrize(
    ("name", "place", "reason"),
    [
        ("gone", "broken:X", "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"),
        ("ending", "ending:X", "SystemExit: 3"),
        ("absent", "demo:Absent", "AttributeError: module 'demo' has no attribute 'Absent'"),
        (
            "untagged",
            "demo:Untagged",
            "config is tagged 'Untagged.config', not as its entry point: tag=\"untagged\"",
        ),
        ("other", "demo:Extractor", "Words is tagged 'words', not as its entry point: tag=\"other\""),
        ("motionless", "demo:Motionless", "Motionless has no method batches"),
        ("confless", "demo:Confless", "Confless.config is no subclass of ExtractorConfig"),
        ("loader", "demo:Loader", "Loader.config is no subclass of ExtractorConfig"),
    ],
)
def test_one_that_cannot_be_used_says_why(plugins, name, place, reason):
    """In the list for the log and in the refusal; the others work."""
    plugins({"orc.extractors": {name: place, "words": "demo:Extractor"}})
    assert faults(EXTRACTORS, TYPES) == [f"the plugin {name} of demo 1.0 cannot be used: {reason}"]
    assert refusal(parse_extractor, {"type": name})[1] == f"type {name}: the plugin cannot be used: {reason}"
    assert parse_extractor({"type": "words", "text": "a"}).text == "a"


def test_built_in_types_stay_what_they_are(plugins):
    """A plugin that takes the name of one is told of, and never used."""
    plugins({"orc.extractors": {"csv": "demo:Extractor"}})
    assert faults(EXTRACTORS, TYPES) == [
        "the plugin csv of demo 1.0 cannot be used: the type csv is built in"
    ]
    assert type(parse_extractor({"type": "csv", "path": "a.csv"})).__name__ == "CsvExtract"


def test_two_of_one_name_are_neither(plugins):
    """Which one is meant nobody can tell."""
    plugins(GOOD, other={"orc.extractors": {"words": "demo:Extractor"}})
    assert "demo 1.0 and other 1.0 both bring" in faults(EXTRACTORS, TYPES)[0]
    assert refusal(parse_extractor, {"type": "words", "text": "a"})[0] == "extractor_config.type"


def test_what_is_installed_cannot_be_changed(plugins):
    """It is read once, and is a constant from then on."""
    plugins()
    assert installed(LOADERS) is installed(LOADERS)
    with pytest.raises(TypeError):
        installed(LOADERS)["more"] = None


def test_a_loader_by_plugin_keeps_no_cursor(plugins):
    """A run that goes on where the last one ended needs a loader that remembers."""
    plugins()
    incremental = {"type": "words", "text": "a", "incremental": {"cursor": "word"}}
    with pytest.raises(Invalid, match="keeps no cursor") as caught:
        check_task(parse_extractor(incremental), parse_loader({"type": "away"}), "tasks[0]")
    assert caught.value.field == "tasks[0].extractor_config.incremental"
    check_task(parse_extractor({"type": "words", "text": "a"}), parse_loader({"type": "away"}), "tasks[0]")


def test_what_authors_import_needs_neither_arrow_nor_duckdb():
    """A service that only judges configs has none of them, nor an HTTP client's time to spare."""
    code = "import sys, orc_executor.plugins; print({'pyarrow', 'duckdb', 'httpx', 'litestar'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
