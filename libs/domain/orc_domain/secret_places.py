"""
Where a secret would be written in clear: told by the name of a header or parameter, and by well-known shapes of tokens.

Better one harmless value too many given by reference than one secret in the log, which keeps it for ever.
"""

import re
from itertools import pairwise

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ALWAYS = frozenset(
    {
        "accesskey", "apikey", "apitoken", "authkey", "authorization", "authtoken", "cookie", "credential",
        "credentials", "passphrase", "passwd", "password", "privatekey", "pwd", "secret", "secretkey", "sessionid",
    }
)  # fmt: skip
_AT_THE_END = frozenset({"auth", "bearer", "csrf", "jwt", "pass", "sig", "signature", "token", "xsrf"})
"""What names something harmless when more follows, as in `token_type`."""
_JOINED = ("accesskey", "accesstoken", "apikey", "authtoken", "password", "secret")
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
    r"^(?i:bearer\s+\S|(basic|digest|token|apikey)\s+\S{8,}$)|"
    r"(?<![0-9A-Za-z])(gh[oprsu]_[0-9A-Za-z]{20}|github_pat_\w{20}|glpat-[\w-]{16}|xox[abeoprs]-[\w-]{10}|"
    r"sk-(proj-|ant-)?\w{20}|[rs]k_(live|test)_\w{10}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.)"
)
_OPAQUE = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])\S{16,}")


def is_secret_name(name: str) -> bool:
    """Tell whether a header or parameter of this name carries a secret, however it is spelled."""
    words = [word.lower() for word in _WORDS.findall(name) if not word.isdigit()]
    for before, word in pairwise(["", *words]):
        if word in _ALWAYS or (word == "key" and before in _KEYS):
            return True
    if (
        words
        and words[-1] in _AT_THE_END
        and not (words[-1] == "token" and words[-2:-1] and words[-2] in _PAGING)
    ):
        return True
    return "".join(words).endswith(_JOINED)


def is_secret_value(name: str, value: str) -> bool:
    """Tell whether a value looks like a credential: a known shape, or an opaque text under the name `key`."""
    words = [word.lower() for word in _WORDS.findall(name)]
    is_key = bool(words) and words[-1] == "key" and "idempotency" not in words
    return bool(_TOKEN_SHAPE.search(value)) or (is_key and _OPAQUE.fullmatch(value) is not None)
