"""
Where a secret would be written in clear: told by the name of a header or parameter, and by well-known shapes of tokens.

Better one harmless value too many given by reference than one secret in the log, which keeps it for ever.
"""

import re

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SECRET_WORDS = frozenset(
    {
        "accesskey", "apikey", "apitoken", "auth", "authkey", "authorization", "authtoken", "bearer", "cookie",
        "credential", "credentials", "csrf", "jwt", "pass", "passphrase", "passwd", "password", "privatekey", "pwd",
        "secret", "secretkey", "session", "sessionid", "sig", "signature", "token", "xsrf",
    }
)  # fmt: skip
_KEYS = frozenset(
    {
        "access",
        "account",
        "api",
        "app",
        "auth",
        "client",
        "functions",
        "license",
        "master",
        "private",
        "subscription",
    }
)
"""`key` alone may be any key; after one of these words it opens something."""
_PAGING = frozenset({"continuation", "cursor", "next", "page", "resume", "start", "sync"})
"""`page_token` and the like say where to go on, not who one is."""
_TOKEN_SHAPE = re.compile(
    r"^(bearer|basic|digest|token|apikey)\s+\S|"
    r"(?<![0-9A-Za-z])(gh[oprsu]_[0-9A-Za-z]{20}|github_pat_\w{20}|glpat-[\w-]{16}|xox[abeoprs]-[\w-]{10}|"
    r"sk-[\w-]{16}|[rs]k_(live|test)_\w{10}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30}|"
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.)|-----BEGIN [A-Z ]*PRIVATE KEY",
    re.IGNORECASE,
)
_OPAQUE = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])\S{16,}")


def is_secret_name(name: str) -> bool:
    """Tell whether a header or parameter of this name carries a secret, however it is spelled."""
    words = [word.lower() for word in _WORDS.findall(name)]
    whole = "".join(words)
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if word in _SECRET_WORDS and not (word == "token" and before in _PAGING):
            return True
        if word == "key" and before in _KEYS:
            return True
    return any(
        whole.endswith(word)
        for word in ("apikey", "accesstoken", "authtoken", "accesskey", "password", "secret")
    )


def is_secret_value(name: str, value: str) -> bool:
    """Tell whether a value looks like a credential: a known shape, or an opaque text under the name `key`."""
    words = [word.lower() for word in _WORDS.findall(name)]
    is_key = bool(words) and words[-1] == "key" and "idempotency" not in words
    return bool(_TOKEN_SHAPE.search(value)) or (is_key and _OPAQUE.fullmatch(value) is not None)
