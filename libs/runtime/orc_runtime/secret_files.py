"""Secret files: a secret that a setting names by the path of its file, as orchestrators mount them."""

import os
import stat
from pathlib import Path

from orc_runtime.settings import Secret, SettingsError

SECRET_BYTES_MAX = 4096


def read_secret_file(variable: str, path: str) -> Secret:
    """Return what the file holds, but for the line's end; raises SettingsError naming the variable, never the content."""
    try:
        with Path(path).open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError([f"{variable}: {path} cannot be read: {error.strerror}"]) from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SettingsError(
            [
                f"{variable}: everybody on this machine may read {path} (mode {mode:04o}): chmod 0400, or 0440 for its group"
            ]
        )
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise SettingsError([f"{variable}: {path} does not hold text"]) from error
    if not text or len(data) > SECRET_BYTES_MAX:
        raise SettingsError([f"{variable}: {path} must hold one line of {SECRET_BYTES_MAX} bytes at most"])
    return Secret(text)
