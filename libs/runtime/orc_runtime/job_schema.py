"""
The JSON Schema (draft 2020-12) of jobs, for editors and whoever makes job files by program.

It follows from the types by which the gateway judges: every extractor and loader, built in or installed beside them, with
its words, their bounds and what they mean. What no schema can say (whether a path leads out, whether a cron expression
ever fires) is judged when the job is created.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, get_args

import msgspec
from msgspec import Struct

from orc_domain import extract, load
from orc_domain.job_spec import JobSpec
from orc_domain.plugin_configs import PluginConfig
from orc_domain.plugins import EXTRACTORS, LOADERS, Group, usable
from orc_runtime.field_words import words_of

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"
_ANCHOR = r"\Z"


@cache
def job_schema() -> bytes:
    """Return the schema of one job, as JSON."""
    return _encoded("A job", {"$ref": _REF.format(name="JobSpec")})


@cache
def jobs_schema() -> bytes:
    """Return the schema of a jobs file, as JSON: a list of jobs, one job, or a mapping with the list under `jobs`."""
    one = {"$ref": _REF.format(name="JobSpec")}
    several = {"type": "array", "items": one, "description": "Jobs, each with a name of its own."}
    mapping = {
        "type": "object",
        "properties": {"jobs": several},
        "required": ["jobs"],
        "additionalProperties": False,
    }
    return _encoded("A jobs file", {"oneOf": [several, mapping, one]})


def job_components(ref_template: str) -> dict[str, Any]:
    """Return the schemas that a job is made of, by name; they refer to one another by `ref_template`."""
    extractors = [*get_args(extract.BuiltIn), *_plugins(EXTRACTORS, extract.TYPES)]
    loaders = [*get_args(load.BuiltIn), *_plugins(LOADERS, load.TYPES)]
    kinds = [JobSpec, *extractors, *loaders]
    refs, schemas = msgspec.json.schema_components(kinds, ref_template=ref_template)
    names = dict(zip(kinds, (ref["$ref"] for ref in refs), strict=True))
    for kind, schema in _described(kinds, schemas):
        _describe(kind, schema)
    task = schemas["TaskSpec"]["properties"]
    task["extractor_config"] = _one_of("Where the rows come from.", extractors, names)
    task["loader_config"] = _one_of("Where the rows go.", loaders, names)
    portable: dict[str, Any] = _portable(schemas)
    return portable


def _encoded(title: str, body: Mapping[str, Any]) -> bytes:
    schema = {"$schema": DRAFT, "title": title, **body, "$defs": job_components(_REF)}
    return msgspec.json.encode(schema)


def _plugins(group: Group, built_in: tuple[str, ...]) -> list[type[PluginConfig]]:
    """Return the configs that a schema can be made of; what another cannot say in one is not known to editors."""
    found = list[type[PluginConfig]]()
    for plugin in usable(group, built_in).values():
        assert plugin.config is not None
        try:
            msgspec.json.schema_components([plugin.config])
        except (TypeError, ValueError, RuntimeError, NotImplementedError):
            continue
        found.append(plugin.config)
    return found


def _one_of(description: str, kinds: Iterable[type], names: Mapping[type, str]) -> dict[str, Any]:
    refs: dict[str, str] = {_tag(kind): names[kind] for kind in kinds}
    return {
        "description": description,
        "type": "object",
        # An editor that knows no discriminator still offers the types, and says which there are.
        "properties": {"type": {"enum": list(refs)}},
        "required": ["type"],
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }


def _described(kinds: Iterable[Any], schemas: dict[str, Any]) -> list[tuple[type[Struct], dict[str, Any]]]:
    """Return each Struct that a type leads to, with its schema."""
    found = dict[str, type[Struct]]()
    waiting = list(kinds)
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, Struct):
            if one in found.values():
                continue
            found[_schema_name(one, schemas)] = one
            waiting += [field.type for field in msgspec.structs.fields(one)]
        else:
            waiting += get_args(one)
    return [(kind, schemas[name]) for name, kind in found.items() if name in schemas]


def _schema_name(kind: type[Struct], schemas: dict[str, Any]) -> str:
    """Return what msgspec calls a Struct: by its name, and where two have one, by its module too."""
    full = f"{kind.__module__}.{kind.__qualname__}".replace(".", "_")
    return full if full in schemas else kind.__name__


def _describe(kind: type[Struct], schema: dict[str, Any]) -> None:
    properties, words = schema["properties"], words_of(kind)
    tag_field = kind.__struct_config__.tag_field
    if tag_field in properties:
        properties[tag_field]["description"] = _said_of(kind)
    for field in msgspec.structs.fields(kind):
        if said := words.get(field.name) or _said_of(field.type):
            properties[field.encode_name]["description"] = said


def _said_of(kind: Any) -> str:
    """Return what a Struct says of itself, None beside it aside; nothing of what is no Struct."""
    kinds = [one for one in get_args(kind) or (kind,) if one is not type(None)]
    if len(kinds) != 1 or not (isinstance(kinds[0], type) and issubclass(kinds[0], Struct)):
        return ""
    return " ".join((kinds[0].__doc__ or "").split())


def _tag(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


def _portable(value: Any) -> Any:
    """Return the schema with patterns as ECMA 262 writes them, which editors go by."""
    if isinstance(value, dict):
        return {
            key: inner.replace(_ANCHOR, "$")
            if key == "pattern" and isinstance(inner, str)
            else _portable(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_portable(inner) for inner in value]
    return value
