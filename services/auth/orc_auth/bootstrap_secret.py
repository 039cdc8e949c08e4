"""The bootstrap secret: from the environment or a file, and never one that somebody could guess."""

import re

from orc_auth.settings import AuthSettings
from orc_runtime.secret_files import read_secret_file
from orc_runtime.settings import Secret, SettingsError

VARIABLE, FILE_VARIABLE = "ORC_BOOTSTRAP_SECRET", "ORC_BOOTSTRAP_SECRET_FILE"
CHARS_MIN, CHARS_MAX = 16, 512
DISTINCT_CHARS_MIN = 8
_EXAMPLE_WORDS = re.compile(
    r"(?i)change|replace|this|please|example|secret|password|bootstrap|admin|test|default|your|the|me|my"
    r"|0?12345[0-9]*|abcdefgh|[\W_]"
)


def bootstrap_secret(settings: AuthSettings) -> Secret | None:
    """Return it, None when none was set; raises SettingsError for one that is no secret."""
    if settings.bootstrap_secret is not None and settings.bootstrap_secret_file is not None:
        raise SettingsError([f"{VARIABLE} and {FILE_VARIABLE} are both set: set one of them"])
    if settings.bootstrap_secret_file is not None:
        return _judged(FILE_VARIABLE, read_secret_file(FILE_VARIABLE, settings.bootstrap_secret_file))
    if settings.bootstrap_secret is not None:
        return _judged(VARIABLE, settings.bootstrap_secret)
    return None


def _judged(variable: str, secret: Secret) -> Secret:
    text = secret.reveal()
    advice = "make one with: openssl rand -hex 24"
    if not CHARS_MIN <= len(text) <= CHARS_MAX:
        raise SettingsError([f"{variable} must have {CHARS_MIN} to {CHARS_MAX} characters: {advice}"])
    if len(set(_EXAMPLE_WORDS.sub("", text))) < DISTINCT_CHARS_MIN:
        raise SettingsError([f"{variable} is an example that everybody knows, or as easy to guess: {advice}"])
    return secret
