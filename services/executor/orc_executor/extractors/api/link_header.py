"""The `Link` header (RFC 8288): where other pages are."""

import re

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,"]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))', re.IGNORECASE)


def parse_links(header: str) -> dict[str, str]:
    """Return the targets by relation, in lower case; the first link of a relation counts."""
    links = dict[str, str]()
    for target, parameters in _LINK.findall(header):
        if rel := _REL.search(parameters):
            for name in (rel[1] or rel[2] or "").lower().split():
                links.setdefault(name, target)
    return links
