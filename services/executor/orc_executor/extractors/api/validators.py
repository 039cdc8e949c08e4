"""
Validators: what a server calls the state of its answer, to ask only for a newer one (RFC 9110 §13).

They are kept beside a digest of the config: another URL, parameter or column is another question, whose answer no
validator of the old one may keep away.
"""

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from orc_domain.config import Config
from orc_executor.state import Learned, TaskState

VALIDATOR_CHARACTERS_MAX = 1024
_DIGEST_CHARACTERS = 16
_VISIBLE_FIRST, _VISIBLE_LAST = " ", "~"


class Validators:
    """Of one answer."""

    def __init__(self, config: Config, state: TaskState) -> None:
        self._question = sha256(msgspec.json.encode(config, order="deterministic")).hexdigest()[
            :_DIGEST_CHARACTERS
        ]
        self._state = state
        etag, modified = self._kept(state.etag), self._kept(state.last_modified)
        self.conditions: dict[str, str] = {}
        """The headers to ask with; none when nothing is known of this question."""
        if etag:
            self.conditions["if-none-match"] = etag
        if modified:
            self.conditions["if-modified-since"] = modified
        self._learned = Learned()

    def saw(self, headers: Mapping[str, str]) -> None:
        """Remember an answer's validators."""
        self._learned = Learned(
            etag=self._to_keep(headers.get("etag")), last_modified=self._to_keep(headers.get("last-modified"))
        )

    def keep(self) -> None:
        """Take it that nothing changed."""
        self._learned = Learned(
            etag=self._state.etag, last_modified=self._state.last_modified, is_unchanged=True
        )

    def learned(self) -> Learned:
        """Return what to ask with the next time."""
        return self._learned

    def _to_keep(self, text: str | None) -> str | None:
        if text is None or len(text) > VALIDATOR_CHARACTERS_MAX:
            return None
        if not all(_VISIBLE_FIRST <= character <= _VISIBLE_LAST for character in text):
            return None
        return f"{self._question} {text}"

    def _kept(self, text: str | None) -> str:
        """Return the validator of this question, empty when it is of another."""
        question, _, validator = (text or "").partition(" ")
        return validator if question == self._question else ""
