"""Passwords: asked for without showing them, or read from standard input, a line each."""

import getpass
import sys
from typing import Annotated

from cyclopts import Parameter

from orc.errors import PasswordsDiffer

Stdin = Annotated[bool, Parameter(negative="")]


def ask_password(prompt: str = "password", *, from_stdin: bool, again: bool = False) -> str:
    """Return a password; one that is new is asked for `again`. Raises PasswordsDiffer."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"{prompt}: ")
    if again and getpass.getpass("again: ") != password:
        raise PasswordsDiffer
    return password
