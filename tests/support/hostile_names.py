"""Names that would be SQL, or two names, or no name at all, wherever they were not quoted: made from a seed, all different."""

import random

ATTACKS = (
    'x"; DROP TABLE canary; --', "x'; DROP TABLE canary; --", 'x" INT); DROP TABLE canary; --',
    "x'); DELETE FROM canary; --", 'x"; DETACH target; --', '")) FROM canary; --', "x', 'VARCHAR'}); DROP TABLE canary; --",
    "*/ DROP TABLE canary /*", "x\\'; DROP TABLE canary; --", 'x""; DROP TABLE canary; --', "$$; DROP TABLE canary; $$",
    "x] (SELECT 1) [", "a\" = 'b', \"a", "'; COPY canary TO '/tmp/out'; --", 'x"\n;DROP TABLE canary;\n--',
)  # fmt: skip
KEYWORDS = (
    "select", "FROM", "table", "user", "order", "group", "NULL", "true", "rowid", "oid_", "current_date", "target",
    "main", "temp", "memory", "default", "excluded", "old", "new", "all", "unnest", "CAST", "desc", "values", "row",
)  # fmt: skip
MARKS = (
    '"', "'", ";", "--", "/*", "*/", "`", "$1", "$$", "%s", "%(a)s", "{}", "{0}", "{{", "?", ":a", "\\", "\\x00", "\\n", "\n",
    "\t", "\r", "\x01", "\x1b[31m", "\x7f", ".", "..", "/", "*", "(", ")", "[", "]", ",", "=", "|", "&", "#", "@", "~", "^",
    " ", "\u00a0", "\u200b", "\u202e", "\u2028", "\ufeff", "＂", "＇", "；", "ʼ", "′", "﹣﹣", "İ", "ı", "ſ", "K", "ß", "ẞ",
    "É", "é", "Å", "Å", "а", "Α", "名", "😀", "e\u0301", "\u0301",
)  # fmt: skip


def hostile_names(count, seed, *, bytes_max=60, without=""):
    """Return so many names, no two of which differ by the case of A to Z alone, none with what `without` holds."""
    chance, found = random.Random(seed), dict[str, str]()
    while len(found) < count:
        parts = [
            chance.choice(chance.choice((ATTACKS, KEYWORDS, MARKS, MARKS)))
            for _ in range(chance.randint(1, 5))
        ]
        name = "".join(parts).translate(dict.fromkeys(map(ord, without)))
        name = name.encode()[: bytes_max - 6].decode(errors="ignore").strip()
        # A number tells apart what is short; the letters keep an end from being cut, too.
        name = name if name and chance.random() < 0.3 else f"{name}z{len(found)}z"
        small = "".join(letter.lower() if letter.isascii() else letter for letter in name)
        found.setdefault(small, name)
    return list(found.values())
