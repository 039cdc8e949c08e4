"""docs/plugins.md shows the example plugins as they are, and a complete one is short."""

import re
from pathlib import Path

import pytest
from support.plugins import EXAMPLES

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()


@pytest.mark.parametrize("name", ["orc_rss.py", "orc_sqlite.py"])
def test_the_page_shows_the_examples(name):
    """What is read there is what the conformance suite ran."""
    assert (EXAMPLES / name).read_text() in re.findall(
        r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
    )


def test_a_complete_extractor_has_some_forty_lines():
    """With its config, its judgement and its docstrings."""
    assert len((EXAMPLES / "orc_rss.py").read_text().splitlines()) <= 45
