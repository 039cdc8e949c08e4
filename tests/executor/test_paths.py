"""Which files a task may read and write: by the real path."""

import os

import pytest

from orc_executor.errors import PathRefused, SourceMalformed, SourceMissing, TargetUnusable
from orc_executor.paths import Folders


@pytest.fixture
def places(tmp_path):
    """Make a data folder, a file root, and a folder that is neither."""
    for name in ("data", "root", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.csv").write_text("a\n1\n")
    return tmp_path


@pytest.fixture
def folders(places):
    return Folders(places / "data", [places / "root"])


def names(found):
    return [file.name for file in found]


def test_relative_paths_look_in_the_data_folder_first_and_then_in_each_root(places, folders):
    """The same name in both is the data folder's."""
    assert [file.path for file in folders.sources("root.csv", 10)] == [str(places / "root/root.csv")]
    (places / "data/root.csv").write_text("a\n")
    assert [file.path for file in folders.sources("root.csv", 10)] == [str(places / "data/root.csv")]


def test_an_absolute_path_is_fine_inside_and_refused_outside(places, folders):
    """Where it lies counts, not how it is written."""
    assert names(folders.sources(str(places / "root/root.csv"), 10)) == ["root.csv"]
    with pytest.raises(PathRefused, match="ORC_FILE_ROOTS"):
        folders.sources(str(places / "outside/outside.csv"), 10)


def test_a_link_counts_as_what_it_leads_to(places, folders):
    """Out of the folders it is refused, be it the file or a folder on the way; from one to the other it is fine."""
    (places / "data/out.csv").symlink_to(places / "outside/outside.csv")
    (places / "data/way").symlink_to(places / "outside")
    (places / "data/in.csv").symlink_to(places / "root/root.csv")
    for path in ("out.csv", "way/outside.csv", "way/*.csv"):
        with pytest.raises(PathRefused, match="ORC_FILE_ROOTS"):
            folders.sources(path, 10)
    assert names(folders.sources("in.csv", 10)) == ["in.csv"]


def test_a_folder_beside_a_root_with_the_same_beginning_is_outside(places, folders):
    """`/data-old` is not in `/data`."""
    (places / "data-old").mkdir()
    (places / "data-old/x.csv").write_text("a\n")
    with pytest.raises(PathRefused):
        folders.sources(str(places / "data-old/x.csv"), 10)


def test_hard_links_are_refused(places, folders):
    """Another name of the same file may lie anywhere."""
    os.link(places / "outside/outside.csv", places / "data/hard.csv")
    with pytest.raises(PathRefused, match="hard links"):
        folders.sources("hard.csv", 10)
    with pytest.raises(TargetUnusable, match="hard links"):
        folders.target("hard.csv")


def test_only_plain_files_are_read(places, folders):
    """A pipe would hang, a device never end, a folder is none."""
    os.mkfifo(places / "data/pipe")
    (places / "data/folder").mkdir()
    for path in ("pipe", "folder"):
        with pytest.raises(PathRefused, match="not a plain file"):
            folders.sources(path, 10)


def test_what_is_not_there_is_missing_and_says_where_it_was_looked_for(places, folders):
    """Also a pattern that matches nothing, and a link that leads nowhere."""
    (places / "data/dangling.csv").symlink_to(places / "data/gone")
    for path in ("gone.csv", "gone*.csv", "dangling.csv"):
        with pytest.raises(SourceMissing):
            folders.sources(path, 10)
    with pytest.raises(SourceMissing, match=f"{places}/data.*{places}/root"):
        folders.sources("gone.csv", 10)


def test_a_pattern_gives_its_files_by_name_and_no_more_than_allowed(places, folders):
    """Folders it matches are left out; a file whose name is itself a pattern is that file."""
    for name in ("b.csv", "a.csv", "x[1].csv"):
        (places / "data" / name).write_text("a\n")
    (places / "data/folder.csv").mkdir()
    assert names(folders.sources("?.csv", 2)) == ["a.csv", "b.csv"]
    assert [file.pattern for file in folders.sources("x[1].csv", 1)] == [f"{places}/data/x[[]1].csv"]
    with pytest.raises(SourceMalformed, match="more than 1 files"):
        folders.sources("?.csv", 1)


def test_a_target_is_under_the_data_folder_and_its_folder_is_made(places, folders):
    """A file root is for reading."""
    assert folders.target("new/deep/x.duckdb") == f"{places}/data/new/deep/x.duckdb"
    assert (places / "data/new/deep").is_dir()
    (places / "data/away").symlink_to(places / "root")
    for path in (str(places / "root/x.duckdb"), "away/x.duckdb"):
        with pytest.raises(PathRefused, match="ORC_DATA_DIR"):
            folders.target(path)


def test_a_target_is_no_folder_and_no_lock_file(places, folders):
    """Neither could become a database."""
    (places / "data/folder").mkdir()
    with pytest.raises(TargetUnusable, match="not a plain file"):
        folders.target("folder")
    with pytest.raises(PathRefused, match="locks"):
        folders.target("x.duckdb.orc-lock")
