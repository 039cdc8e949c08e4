"""Which of the config's response actions an answer meets."""

from collections.abc import Sequence

from orc_domain.extractors.api_answers import ResponseAction


class ResponseActions:
    """The first that fits counts."""

    def __init__(self, actions: Sequence[ResponseAction]) -> None:
        self._actions = [
            (nth, action, None if action.content is None else action.content.encode("utf-8", "replace"))
            for nth, action in enumerate(actions)
        ]

    def look_inside(self, status: int) -> bool:
        """Whether it takes the body to tell."""
        return any(content and action.status in (None, status) for _, action, content in self._actions)

    def first_for(self, status: int, body: bytes | None) -> tuple[int, ResponseAction] | None:
        """Return the action and its place in the config."""
        for nth, action, content in self._actions:
            if action.status in (None, status) and (content is None or content in (body or b"")):
                return nth, action
        return None
