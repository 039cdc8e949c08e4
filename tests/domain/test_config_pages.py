"""The pages of extractors and loaders: every example is a config that is taken, every word of a config has its example."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import Struct, inspect, json

from orc_domain.extract import BuiltIn as BuiltInExtractor
from orc_domain.extract import parse_extractor
from orc_domain.load import BuiltIn as BuiltInLoader
from orc_domain.load import parse_loader
from orc_domain.task_rules import check_task

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path for group in ("extractors", "loaders") for path in (DOCS / group).glob("*.md"))
SHARED = {
    "columns",
    "select",
    "rename",
    "files",
    "file_name_column",
    "incremental",
    "storage",
    "compression",
    "encoding",
}
"""Words that mean the same in every extractor of files."""
_BLOCK = re.compile(r"^```json (extractor|loader|task)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str, dict[str, Any]]]:
    """Return page, kind and config of every example."""
    return [
        (f"{page.parent.name}/{page.name}:{text[: block.start()].count(chr(10)) + 1}", block[1], json.decode(block[2]))
        for page in PAGES
        for text in [page.read_text()]
        for block in _BLOCK.finditer(text)
    ]  # fmt: skip


EXAMPLES = examples()


@pytest.mark.parametrize(("kind", "config"), [pytest.param(*rest, id=place) for place, *rest in EXAMPLES])
def test_an_example_is_a_config_that_is_taken(kind, config):
    """By the same judgement that a job's creation passes."""
    if kind == "task":
        extractor = parse_extractor(config["extractor_config"])
        check_task(extractor, parse_loader(config["loader_config"]), "tasks[0]")
    elif kind == "extractor":
        parse_extractor(config)
    else:
        parse_loader(config)


def words_of(kind: type[Struct]) -> set[tuple[str, str]]:
    """Return every word that a config of this type may hold, also inside its words, each with what it stands in."""
    words, waiting, seen = set(), [inspect.type_info(kind)], set()
    while waiting:
        info = waiting.pop()
        match info:
            case inspect.StructType(cls=cls):
                if cls not in seen:
                    seen.add(cls)
                    words |= {(cls.__name__, field.encode_name) for field in info.fields}
                    waiting += [field.type for field in info.fields]
            case inspect.UnionType(types=types):
                waiting += types
            case inspect.DictType(value_type=value):
                waiting.append(value)
            case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
                waiting.append(item)
    return words


def used(config: Any) -> set[str]:
    """Return every key of a config, at any depth."""
    match config:
        case dict():
            return set(config) | {key for value in config.values() for key in used(value)}
        case list():
            return {key for value in config for key in used(value)}
    return set()


ALL_SHOWN = {key for _, _, example in EXAMPLES for key in used(example)}


@pytest.mark.parametrize(
    "kind", [*get_args(BuiltInExtractor), *get_args(BuiltInLoader)], ids=lambda kind: kind.__name__
)
def test_every_word_has_an_example(kind):
    """A word that no page shows cannot be found by those who need it; what several kinds share is shown by one of them."""
    tag = kind.__struct_config__.tag
    configs = [
        config
        for _, group, example in EXAMPLES
        for config in ([example] if group != "task" else [example["extractor_config"], example["loader_config"]])
        if config.get("type") == tag
    ]  # fmt: skip
    shown = used(configs)
    words = {(owner, word) for owner, word in words_of(kind) if owner != kind.__name__ or word in SHARED}
    assert sorted(f"{owner}.{word}" for owner, word in words if word not in ALL_SHOWN) == []
    assert sorted(word for word in set(kind.__struct_fields__) - SHARED if word not in shown) == []
