"""Master keys come from a file or a command, and what is no key is refused without being shown."""

import base64
import os
import sys

import pytest

from orc_runtime.master_keys import (
    KEYS_MAX,
    MasterKeySettings,
    master_key_lines,
    new_master_key,
    parse_master_keys,
    read_master_keys,
)
from orc_runtime.settings import Secret, SettingsError

NEW, OLD = new_master_key("new"), new_master_key("old")
TEXT = master_key_lines([NEW, OLD]).reveal()


def settings(**given):
    nowhere = Secret("unused")
    return MasterKeySettings(database_url=nowhere, nats_url=nowhere, health_port=0, **given)


def line(data: bytes, key_id: str = "k") -> str:
    return f"{key_id}:{base64.b64encode(data).decode()}\n"


def test_from_a_file(tmp_path):
    """The first line's key comes first; notes and empty lines are none."""
    file = tmp_path / "keys"
    file.write_text(f"# made in May\n\n{TEXT}")
    file.chmod(0o440)
    assert read_master_keys(settings(master_key_file=str(file))) == (NEW, OLD)
    assert read_master_keys(settings()) == ()


def test_from_a_command(tmp_path):
    """It is run without a shell, and what it prints is read as the file is."""
    program = tmp_path / "kms"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == ['a b', '$HOME;id']\nprint('''{TEXT}''')\n"
    )
    program.chmod(0o700)
    assert read_master_keys(settings(master_key_command=f"{program} 'a b' $HOME;id")) == (NEW, OLD)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/nonexistent/kms", "cannot be run"),
        ("sh -c 'echo k:SWORDFISH; exit 3'", "exit status 3"),
        ("echo k:SWORDFISH", "line 1 is not the base64 of 32 bytes"),
        ("head -c 100000 /dev/zero", "printed more than"),
        ("true", "holds 0 keys"),
        ("'", "cannot be read"),
        (" ", "names no program"),
    ],
)
def test_a_command_that_gives_none(command, said):
    """The refusal names the setting and the program, and nothing that was printed."""
    with pytest.raises(SettingsError, match=said) as caught:
        read_master_keys(settings(master_key_command=command))
    assert "ORC_MASTER_KEY_COMMAND" in str(caught.value)
    assert "SWORDFISH" not in str(caught.value)


def test_a_command_that_does_not_end(monkeypatch):
    """It has a limited time, and is ended then."""
    monkeypatch.setattr("orc_runtime.master_keys.COMMAND_SECONDS_MAX", 0.1)
    with pytest.raises(SettingsError, match=r"did not end within 0\.1 s"):
        read_master_keys(settings(master_key_command="sleep 100"))


def test_a_file_that_others_may_read(tmp_path):
    """It is refused by its mode."""
    file = tmp_path / "keys"
    file.write_text(TEXT)
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="ORC_MASTER_KEY_FILE: everybody on this machine may read"):
        read_master_keys(settings(master_key_file=str(file)))


def test_one_of_the_two(tmp_path):
    """Both settings at once are refused."""
    with pytest.raises(SettingsError, match="are both set"):
        read_master_keys(settings(master_key_file=str(tmp_path), master_key_command="true"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (line(os.urandom(31)), "base64 of 32 bytes"),
        (line(os.urandom(33)), "base64 of 32 bytes"),
        ("k:!!!!", "base64 of 32 bytes"),
        (line(bytes(32)), "an example"),
        (line(bytes(range(32))), "an example"),
        (line(b"0123456789abcdef0123456789abcdef"), "an example"),
        (line(b"correct horse battery staple 123"), "an example"),
        (line(b"\x01\xfe" * 16), "an example"),
        ("no colon here", "is not `id:base64`"),
        (line(os.urandom(32), "No"), "is not `id:base64`"),
        (line(os.urandom(32)) + line(os.urandom(32)), "line 2 has the id or the key of an earlier line"),
        (line(NEW.data, "a") + line(NEW.data, "b"), "line 2 has the id or the key of an earlier line"),
        ("".join(line(os.urandom(32), f"k{n}") for n in range(KEYS_MAX + 1)), "holds 17 keys"),
        ("# nothing\n", "holds 0 keys"),
    ],
)
def test_what_is_no_key(text, said):
    """Too short, too long, an example, twice, or in another form: refused by line, and never shown."""
    with pytest.raises(SettingsError, match=said) as caught:
        parse_master_keys("ORC_MASTER_KEY_FILE", Secret(text))
    shown = text.partition(":")[2].strip()
    assert not shown or shown not in str(caught.value)
