"""Strength: how many guesses a new password would take, as zxcvbn estimates it; judged in `required` mode alone."""

import threading

from orc_auth.denial import InvalidPassword

STRONG_CHARS_MIN = 12
SCORE_MIN = 3
"""Of 4: safe against guessing offline at some 10,000 tries a second, which Argon2id makes of it."""
JUDGED_CHARS_MAX = 32
"""Only so much is looked at: the worst text takes 0.7 s at this length and four times as long at twice the length."""
PRODUCT_WORDS = (
    "orc",
    "nats",
    "ator",
    "orc-nats-ator",
    "orcnatsator",
    "orchestrator",
    "ingestion",
    "duckdb",
    "postgres",
)

_one_at_a_time = threading.Lock()


def check_strength(password: str, username: str) -> None:
    """Raise InvalidPassword, saying what is weak about it; takes a while, so call it in a thread."""
    if len(password) < STRONG_CHARS_MIN:
        raise InvalidPassword(f"a password has {STRONG_CHARS_MIN} characters or more here")
    # Its word lists take 15 MiB, and nobody is asked for a strong password in `optional` mode.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    # It keeps the words of a call where another call would see them.
    with _one_at_a_time:
        judged = zxcvbn(
            password[:JUDGED_CHARS_MAX], user_inputs=[username, *username.split(), *PRODUCT_WORDS]
        )
    if judged["score"] < SCORE_MIN:
        feedback = judged["feedback"]
        words = [feedback["warning"], *feedback["suggestions"]]
        raise InvalidPassword(" ".join(["this password is too easy to guess.", *filter(None, words)]))
