"""The examples of the pages on extractors and loaders, each with its place."""

import re
from pathlib import Path
from typing import Any

from msgspec import Struct, json

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for group in ("extractors", "loaders") for path in (ROOT / "docs" / group).glob("*.md"))
DATA = ROOT / "examples" / "data"
_BLOCK = re.compile(r"^```json (extractor|loader|task)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Example(Struct, frozen=True):
    """A config as a page has it."""

    place: str
    """Such as loaders/duckdb.md:12"""
    kind: str
    """extractor, loader or task"""
    config: dict[str, Any]

    @property
    def extractor(self) -> dict[str, Any]:
        return self.config["extractor_config"] if self.kind == "task" else self.config

    @property
    def loader(self) -> dict[str, Any]:
        return self.config["loader_config"] if self.kind == "task" else self.config


def _examples() -> list[Example]:
    return [
        Example(
            f"{page.parent.name}/{page.name}:{text[: block.start()].count(chr(10)) + 1}",
            block[1],
            json.decode(block[2]),
        )
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for block in _BLOCK.finditer(text)
    ]


EXAMPLES = _examples()


def secrets_of(value: Any) -> set[str]:
    """Return the names of the secrets that a config refers to, at any depth."""
    match value:
        case {"secret": str() as name} if len(value) == 1:
            return {name}
        case dict():
            return {name for inner in value.values() for name in secrets_of(inner)}
        case list():
            return {name for inner in value for name in secrets_of(inner)}
    return set()


def worth(name: str) -> str:
    """Return what a secret is in tests of the pages."""
    return f"the-{name}"


def variables(**more: str) -> dict[str, str]:
    """Return the variables of all secrets that examples name; `more` says what some of them are, by their names."""
    known = {name.replace("_", "-"): text for name, text in more.items()}
    names = {name for example in EXAMPLES for name in secrets_of(example.config)}
    return {
        f"ORC_SECRET_{name.upper().replace('-', '_')}": known.get(name, worth(name)) for name in sorted(names)
    }
