"""
What every extractor and loader config has in common.

A config is kept in the log as the user gave it and typed whenever it is used, so a field's meaning lives in one place.
Secrets are references by name; a literal in a place for secrets is refused before it can reach the bus.
"""

import re
from typing import Annotated, Any, get_args

from msgspec import Meta, Struct

from orc_domain.rejection import Invalid

Config = dict[str, Any]
"""A config as given: JSON."""

NonEmpty = Annotated[str, Meta(min_length=1, max_length=1024)]
SecretName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]

REFERENCE = '{"secret": "name"}'
"""How a config refers to a secret, as told in refusals."""


class SecretRef(Struct, frozen=True, forbid_unknown_fields=True):
    """A secret by name: `github-token` is ORC_SECRET_GITHUB_TOKEN, else the file of that name in ORC_SECRETS_DIR, else in the store."""

    secret: SecretName
    """Its name: a-z, 0-9 and hyphens."""


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def secret_names(value: Any) -> set[str]:
    """Return the names of all secrets that something given refers to, wherever in it: a plugin's config, too."""
    names, left = set[str](), [value]
    while left:
        match left.pop():
            case {"secret": str(name), **others} if not others and _NAME.fullmatch(name):
                names.add(name)
            case dict() as inner:
                left += inner.values()
            case list() | tuple() as inner:
                left += inner
    return names


class Tagged(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of what says its kind under `type` and takes no unknown key."""


_ADDRESSED = ("url", "parent.url", "auth.token_url", "storage.endpoint")


def urls_of(config: Config) -> dict[str, str]:
    """Return the URLs that a config as given has itself asked for, by their places under it; what is no text is left out."""
    found = {}
    for place in _ADDRESSED:
        value: Any = config
        for name in place.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            found[place] = value
    return found


def paths_given(config: Config) -> list[tuple[str, str]]:
    """Return the paths of files of a config as given, which may be URLs, each with its place."""
    path = config.get("path")
    listed = enumerate(path) if isinstance(path, list | tuple) else ()
    found = [("path", path), *((f"path[{nth}]", one) for nth, one in listed)]
    return [(place, text) for place, text in found if isinstance(text, str)]


def keys_of(union: Any, config: Config) -> str | None:
    """Return the keys that a config of its type may have, for those who wrote another or left one out."""
    for kind in get_args(union) or (union,):
        if kind.__struct_config__.tag == config.get("type"):
            return "the keys type, " + ", ".join(kind.__struct_fields__)
    return None


def check_type(config: Config, types: tuple[str, ...], field: str) -> None:
    """Refuse a config whose `type` is not one of `types`, naming those that exist; raises Invalid."""
    given = config.get("type")
    if given not in types:
        said = "is missing" if given is None else f"{str(given)[:64]!r} is not known"
        raise Invalid(f"{field}.type", f"the type {said}", valid=", ".join(types))
