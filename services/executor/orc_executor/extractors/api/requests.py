"""What is asked of an API."""

from typing import Any

import httpx
from msgspec import Struct


class Request(Struct, frozen=True):
    """One question."""

    url: httpx.URL
    body: Any = None
    """To send with POST, as the config's body_type says; None sends none."""
