"""Which encodings a file's config may name."""

import pytest

from orc_domain.extractors.files import check_encoding
from orc_domain.rejection import Invalid


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-16", "utf-32-le", "latin-1", "cp1252", "shift_jis", "gb18030"]
)
def test_an_encoding_of_text_is_taken(encoding):
    """By any of its names, however many bytes a character has."""
    check_encoding(encoding, "extractor_config")


@pytest.mark.parametrize(
    "encoding", ["utf-9", "base64", "rot13", "hex", "undefined", "a\0b", "../x", "é", "x" * 1024]
)
def test_what_is_no_encoding_of_text_is_refused(encoding):
    """Codecs between bytes, and names of nothing."""
    with pytest.raises(Invalid, match="is no encoding of text") as refusal:
        check_encoding(encoding, "extractor_config")
    assert refusal.value.field == "extractor_config.encoding"
