"""The pages of extractors and loaders: every example is a config that is taken, every word of a config has its example."""

from typing import Any, get_args

import pytest
from msgspec import Struct, inspect
from support.config_pages import EXAMPLES

from orc_domain.extract import BuiltIn as BuiltInExtractor
from orc_domain.extract import parse_extractor
from orc_domain.load import BuiltIn as BuiltInLoader
from orc_domain.load import parse_loader
from orc_domain.task_rules import check_task

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


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.place)
def test_an_example_is_a_config_that_is_taken(example):
    """By the same judgement that a job's creation passes."""
    if example.kind == "task":
        check_task(parse_extractor(example.extractor), parse_loader(example.loader), "tasks[0]")
    elif example.kind == "extractor":
        parse_extractor(example.config)
    else:
        parse_loader(example.config)


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


ALL_SHOWN = {key for example in EXAMPLES for key in used(example.config)}


@pytest.mark.parametrize(
    "kind", [*get_args(BuiltInExtractor), *get_args(BuiltInLoader)], ids=lambda kind: kind.__name__
)
def test_every_word_has_an_example(kind):
    """A word that no page shows cannot be found by those who need it; what several kinds share is shown by one of them."""
    tag = kind.__struct_config__.tag
    configs = [
        config
        for example in EXAMPLES
        for config in (example.extractor, example.loader)
        if config.get("type") == tag
    ]  # fmt: skip
    shown = used(configs)
    words = {(owner, word) for owner, word in words_of(kind) if owner != kind.__name__ or word in SHARED}
    assert sorted(f"{owner}.{word}" for owner, word in words if word not in ALL_SHOWN) == []
    assert sorted(word for word in set(kind.__struct_fields__) - SHARED if word not in shown) == []
