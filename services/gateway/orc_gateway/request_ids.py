"""
Request ids: one name for a request, in its answer, in our log and on every event it led to.

A client's `X-Request-Id` is taken when it is a UUID, so that its own trace goes on in ours; else one is made. It is the
`correlation_id` of the request's command, which whatever follows from the command carries on.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

HEADER = "X-Request-Id"
KEY = "request_id"
"""Where the scope's state holds it."""

_NAME = HEADER.lower().encode()
_UUID = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def give_request_id(scope: dict[str, Any]) -> UUID:
    """Note in the scope what the request is called from now on, and return it."""
    given = next((bytes(value) for name, value in scope["headers"] if name == _NAME), b"")
    request_id = UUID(given.decode()) if _UUID.fullmatch(given) else uuid4()
    scope.setdefault("state", {})[KEY] = request_id
    return request_id


def request_id_of(scope: Mapping[str, Any]) -> UUID:
    """Return what the request is called; of one that did not come through `Front`, a new name."""
    found: UUID | None = scope.get("state", {}).get(KEY)
    return found or uuid4()
