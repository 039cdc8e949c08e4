"""Folders that no job may read from, though they lie in a root."""

import pytest

from orc_executor.errors import PathRefused
from orc_executor.paths import Folders


@pytest.mark.parametrize(
    "name", ["home/master.key", "link/master.key", "key", "home/run/../master.key", "home/*.key"]
)
def test_nothing_in_a_hidden_folder_is_read(tmp_path, name):
    """By whatever name it is asked for; the data folder in it is no part of it."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "run").mkdir()
    (home / "master.key").write_text("k")
    (home / "data" / "x.csv").write_text("a")
    (tmp_path / "y.csv").write_text("a")
    (tmp_path / "link").symlink_to(home)
    (tmp_path / "key").symlink_to(home / "master.key")
    folders = Folders(home / "data", [tmp_path], [home])
    with pytest.raises(PathRefused, match="ORC_FILE_ROOTS_EXCEPT"):
        folders.sources(name, 10)
    assert [folders.sources(one, 10)[0].bytes for one in ("x.csv", "home/data/x.csv", "y.csv")] == [1, 1, 1]
