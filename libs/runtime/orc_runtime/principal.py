"""Who wants something."""

from typing import Literal
from uuid import UUID

from msgspec import Struct

Role = Literal["viewer", "operator", "admin"]
"""From the least right to the most: look, run, and grant."""


class Principal(Struct, frozen=True, kw_only=True):
    """Whoever a request speaks for."""

    subject: str
    """`user:<name>`, `user:<name>/key:<id>` by an API key, or `anonymous`; the actor of the events that follow."""
    user_id: UUID | None
    """None for nobody in particular."""
    role: Role
    scopes: tuple[str, ...] | None = None
    """What the credential is limited to, beside the role; None for no limit."""
    session_id: UUID | None = None
    """The session of an access token."""


ANONYMOUS = Principal(subject="anonymous", user_id=None, role="viewer")
"""Nobody in particular, with the least right; whether that is enough is for the authentication mode to say."""
