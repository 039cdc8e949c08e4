"""
Redaction: taking secrets out of texts, however somebody may have spelled them.

    plain       also as a URL (of a URL), JSON or an error of Python writes it, in any case of its letters
    base64      of whatever it stood in, a URL too: three spellings, by where in it the secret began
    cut short   at the end of a text that was longer
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote, quote_plus

from orc_executor.errors import CUT

REDACTED = "***"
BASE64_CHARACTERS_MIN = 6
"""What is shorter could be of anything."""
_BEFORE = (0, 2, 3)
"""How many characters of base64 hold something of what stands before a secret, by how many bytes do, modulo 3."""


class Redaction:
    """The secrets of one task."""

    def __init__(self) -> None:
        self._patterns: dict[str, re.Pattern[str] | None] = {}
        """Compiled when they are first needed: most tasks have nothing to say."""

    def add(self, secret: str) -> None:
        """Take it out from now on."""
        self._patterns.setdefault(secret, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._patterns.clear()

    def of(self, text: str) -> str:
        """Return the text without them."""
        # The longest first: one secret may be the beginning of another.
        for secret in sorted(self._patterns, key=len, reverse=True):
            # No spelling is shorter than the secret, but that white space may be joined.
            if len(text) >= len("".join(secret.split())):
                text = self._pattern(secret).sub(REDACTED, text)
            if text.endswith(CUT):
                text = _without_beginning(text.removesuffix(CUT), secret) + CUT
        return text

    def _pattern(self, secret: str) -> re.Pattern[str]:
        pattern = self._patterns[secret]
        if pattern is None:
            spellings = ["".join(map(_spellings, secret))]
            for said in {secret, *_quoted(secret)}:
                spellings += _in_base64(said)
            pattern = self._patterns[secret] = re.compile("|".join(spellings), re.IGNORECASE)
        return pattern


def _quoted(secret: str) -> Iterator[str]:
    """Yield how a URL holds it: in a path, in a host, in a form."""
    for write, safe in ((quote, "/"), (quote, ""), (quote_plus, "")):
        yield write(secret, safe=safe, errors="surrogatepass")


def _in_base64(secret: str) -> Iterator[str]:
    """Yield patterns of what encoding a text with the secret in it makes of the secret, to the ends that are its own."""
    data = secret.encode("utf-8", "surrogatepass")
    for before, start in enumerate(_BEFORE):
        core = b64encode(bytes(before) + data).decode()[start : 8 * (before + len(data)) // 6]
        if len(core) >= BASE64_CHARACTERS_MIN:
            # The character after it holds its last bits, or what fills it up.
            yield "".join(map(_digits, core)) + r"[A-Za-z0-9+/_-]?(?:=|%3D){0,2}"


def _digits(character: str) -> str:
    """Return a pattern of how base64, or its form for URLs, writes a digit."""
    return {"+": r"(?:\+|-|%2B)", "/": r"(?:\\?/|_|%2F)"}.get(character, character)


@cache
def _spellings(character: str) -> str:
    """Return a pattern of how a URL, JSON or an error of Python may write a character; a host's case is lost, too."""
    # What was quoted for a URL may have been quoted again.
    percent = "".join(f"%(?:25)*{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    plain = r"\s+|\+" if character.isspace() else re.escape(character)
    return rf"(?:\\u{ord(character):04X}|{percent}|\\?(?:{plain}))"


def _without_beginning(text: str, secret: str) -> str:
    """Return a text that was cut short without the beginning of a secret at its end."""
    for start in range(len(text)):
        place = start
        for character in secret:
            found = re.compile(_spellings(character), re.IGNORECASE).match(text, place)
            if found is None:
                break
            place = found.end()
            if place == len(text):
                return text[:start] + REDACTED
    return text
