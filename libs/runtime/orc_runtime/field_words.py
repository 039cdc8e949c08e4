"""
What the fields of Structs mean, as the source says: the string under a field, or under the alias that is its type.

Python keeps neither, so the module's source is read, once; where there is none, nothing is known.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import Struct


@cache
def words_of(kind: type[Struct]) -> dict[str, str]:
    """Return what is said of each field of a Struct, inherited ones included."""
    found = dict[str, str]()
    for base in reversed(kind.__mro__):
        if issubclass(base, Struct) and base is not Struct:
            found |= _own(base)
    return found


def _own(kind: type[Struct]) -> dict[str, str]:
    classes = (node for node in ast.walk(_tree(kind.__module__)) if isinstance(node, ast.ClassDef))
    body = next((node.body for node in classes if node.name == kind.__name__), list[ast.stmt]())
    found = dict[str, str]()
    for statement, following in _pairs(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            said = _text(following) or _of_alias(kind.__module__, statement.annotation)
            if said:
                found[statement.target.id] = said
    return found


def _of_alias(module: str, annotation: ast.expr) -> str:
    """Return what stands under the alias that an annotation is, `| None` aside, wherever it was imported from."""
    names = [node.id for node in _alternatives(annotation) if isinstance(node, ast.Name)]
    return _alias_words(module).get(names[0], "") if len(names) == 1 else ""


def _alternatives(annotation: ast.expr) -> Iterator[ast.expr]:
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _alternatives(annotation.left)
        yield from _alternatives(annotation.right)
    elif not (isinstance(annotation, ast.Constant) and annotation.value is None):
        yield annotation


@cache
def _alias_words(module: str) -> dict[str, str]:
    found = dict[str, str]()
    body = _tree(module).body
    for statement, following in _pairs(body):
        match statement:
            case ast.ImportFrom(module=str(origin), level=0) if origin.partition(".")[0] in _PACKAGES:
                theirs = _alias_words(origin)
                found |= {
                    one.asname or one.name: theirs[one.name] for one in statement.names if one.name in theirs
                }
            case ast.Assign(targets=[ast.Name(id=name)]) if said := _text(following):
                found[name] = said
    return found


_PACKAGES = frozenset({"orc_domain"})
"""Whose aliases are types of configs."""


@cache
def _tree(module: str) -> ast.Module:
    loaded: Any = sys.modules.get(module)
    try:
        return ast.parse(inspect.getsource(loaded))
    except (OSError, TypeError, SyntaxError):
        return ast.Module(body=[], type_ignores=[])


def _pairs(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    for place, statement in enumerate(body):
        yield statement, body[place + 1] if place + 1 < len(body) else None


def _text(statement: ast.stmt | None) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return inspect.cleandoc(text).replace("\n", " ").strip()
    return ""
