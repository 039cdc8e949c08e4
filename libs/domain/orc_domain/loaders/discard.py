"""Nowhere."""

from orc_domain.config import Tagged


class DiscardLoad(Tagged, frozen=True, tag="discard"):
    """Extract everything, tell its columns and counts, keep nothing."""
