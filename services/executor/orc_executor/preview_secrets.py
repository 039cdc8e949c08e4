"""A preview without secrets: a server may send back what it was sent."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, structs

from orc_domain.previews import PreviewColumn, PreviewTarget, TaskPreview

Redact = Callable[[str], str]


def without_secrets(shown: TaskPreview, redact: Redact) -> TaskPreview:
    """Return the preview with every name, text and number taken out that holds a secret."""
    text = msgspec.json.encode(shown).decode()
    if redact(text) == text:
        return shown
    # Value by value: taken out of the JSON as a whole, a secret that is a digit would leave none.
    return structs.replace(
        shown,
        columns=tuple(PreviewColumn(redact(column.name), column.type) for column in shown.columns),
        rows=tuple(Raw(msgspec.json.encode(_walk(msgspec.json.decode(row), redact))) for row in shown.rows),
        target=PreviewTarget(shown.target.exists, tuple(map(redact, shown.target.would))),
        warnings=tuple(map(redact, shown.warnings)),
    )


def _walk(value: Any, redact: Redact) -> Any:
    match value:
        case dict():
            return {redact(name): _walk(inner, redact) for name, inner in value.items()}
        case list():
            return [_walk(inner, redact) for inner in value]
        case str():
            return redact(value)
        case None | bool():
            return value
    said = str(value)
    return value if redact(said) == said else redact(said)
