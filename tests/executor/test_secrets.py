"""Where secrets come from, and that they are not said."""

import pytest

from orc_domain.extract import SecretRef
from orc_executor.errors import SecretMissing
from orc_executor.secrets import Secrets

TOKEN = SecretRef("github-token")


def test_the_variable_comes_before_the_file(tmp_path):
    """Without the variable it is the file, less the newline that editors add."""
    (tmp_path / "github-token").write_text("from file\n")
    both = Secrets({"ORC_SECRET_GITHUB_TOKEN": "from variable"}, tmp_path)
    assert both.resolve(TOKEN).reveal() == "from variable"
    assert Secrets({}, tmp_path).resolve(TOKEN).reveal() == "from file"


def test_a_missing_secret_names_both_places(tmp_path):
    """One reads in the error where to put it."""
    with pytest.raises(SecretMissing, match=f"ORC_SECRET_GITHUB_TOKEN and the file {tmp_path}/github-token"):
        Secrets({}, tmp_path).resolve(TOKEN)
    with pytest.raises(SecretMissing, match="ORC_SECRETS_DIR is not set"):
        Secrets({}, None).resolve(TOKEN)


def test_what_was_given_is_taken_out_of_what_is_said():
    """Until the task is over; the object itself never shows it."""
    secrets = Secrets({"ORC_SECRET_GITHUB_TOKEN": "hush"}, None)
    secret = secrets.resolve(TOKEN)
    assert secrets.redact("the server said: Bearer hush") == "the server said: Bearer ***"
    assert "hush" not in f"{secret!r} {secret}"
    secrets.forget()
    assert secrets.redact("hush") == "hush"
