"""An extractor in one file: the items of an RSS feed, as jobs with `type: rss` name them."""

from collections.abc import Iterator
from typing import Any

from orc_executor.plugins import ExtractContext, ExtractorConfig, Invalid, SecretRef, WrongShape

ROWS_PER_BATCH = 1000


class RssConfig(ExtractorConfig, frozen=True, tag="rss"):
    """The items of an RSS feed."""

    url: str
    """Of the feed: https://host/feed.xml"""
    token: SecretRef | None = None
    """Sent as `Authorization: Bearer`, where the feed is not for everybody."""

    def check(self, field: str) -> None:
        """Refuse what is no URL."""
        if not self.url.startswith(("http://", "https://")):
            raise Invalid(f"{field}.url", "this is no URL", valid="https://host/feed.xml")


class Rss:
    """Reads a feed."""

    config = RssConfig

    def batches(self, config: RssConfig, context: ExtractContext) -> Iterator[list[dict[str, Any]]]:
        """Yield the items, the newest first as feeds have them."""
        from xml.etree import ElementTree as ET

        headers = {"authorization": f"Bearer {context.secret(config.token)}"} if config.token else {}
        answer = context.http.get(config.url, headers=headers).raise_for_status()
        context.progress(bytes_read=len(answer.content))
        try:
            items = ET.fromstring(answer.content).findall("./channel/item")  # noqa: S314 - expat bounds entities
        except ET.ParseError as error:
            raise WrongShape(f"the feed is no XML: {error}") from error
        for start in range(0, len(items), ROWS_PER_BATCH):
            yield [{part.tag: part.text for part in item} for item in items[start : start + ROWS_PER_BATCH]]
