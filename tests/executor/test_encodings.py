"""Files whose text is not UTF-8 become UTF-8 chunk by chunk, or say which byte is wrong."""

import gzip
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from support.worker_process import order

from orc_domain.egress import EgressPolicy
from orc_executor.errors import SourceMalformed, TaskStopped
from orc_executor.extractors.files import encodings
from orc_executor.extractors.files.encodings import reencoded
from orc_executor.frames import LoadLimits
from orc_executor.paths import Folders, SourceFile
from orc_executor.scratch import Scratch
from orc_executor.secrets import Secrets
from orc_executor.underway import Reach, Underway

TEXT = "name;price\nCafé;5€\nŁódź;1\n日本;2\n"


@pytest.fixture
def underway(tmp_path):
    def make(**limits):
        reach = Reach(Folders(tmp_path), Scratch(tmp_path / "scratch"), Secrets({}, None), EgressPolicy())
        return Underway(order({}, {}, run_id=uuid4(), limits=LoadLimits(**limits)), reach)

    return make


def file(tmp_path, content, name="x.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return SourceFile(str(path), name, len(content))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Café;5€\n"), ("latin-1", "Café\n"), ("utf-16", TEXT), ("utf-16-le", TEXT), ("utf-32", TEXT),
        ("shift_jis", "日本\n"), ("gb18030", TEXT), ("utf-8-sig", TEXT), ("cp500", "Cafe;5\n"), ("utf-7", TEXT),
    ],
)  # fmt: skip
def test_text_comes_out_as_utf_8(tmp_path, underway, monkeypatch, encoding, text):
    """Whatever the chunks cut through, and without a byte order mark."""
    for chunk_bytes in (1, 3, 1024):
        monkeypatch.setattr(encodings, "_CHUNK_BYTES", chunk_bytes)
        found = reencoded(file(tmp_path, text.encode(encoding)), encoding, underway())
        assert Path(found.path).read_bytes() == text.encode()
        assert (found.name, found.bytes) == ("x.csv", len(text.encode()))


def test_a_byte_order_mark_is_no_text(tmp_path, underway):
    """Also where the codec takes it for a character."""
    found = reencoded(file(tmp_path, ("\ufeff" + TEXT).encode("utf-16-le")), "utf-16-le", underway())
    assert Path(found.path).read_text(encoding="utf-8") == TEXT


def test_compressed_files_come_out_plain(tmp_path, underway):
    """By the end of the name, or as the config says; members and frames after the first count, too."""
    data = TEXT.encode("utf-16")
    packed = {"x.csv.gz": gzip.compress(data[:20]) + gzip.compress(data[20:])}
    packed["x.csv.zst"] = pa.Codec("zstd").compress(data, asbytes=True)
    for name, content in packed.items():
        found = reencoded(file(tmp_path, content, name), "utf-16", underway())
        assert Path(found.path).read_text(encoding="utf-8") == TEXT
    found = reencoded(file(tmp_path, packed["x.csv.gz"]), "utf-16", underway(), "gzip")
    assert Path(found.path).read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    ("encoding", "content", "at"),
    [
        ("cp1252", b"a" * 100 + b"\x81" + b"b", 100), ("ascii", b"abc\xe9", 3), ("shift_jis", b"abcde\xff\xff", 5),
        ("utf-16-le", b"a\0b\0\x00\xdca\0", 4), ("utf-8", b"ab\xe2\x82", 2),
    ],
)  # fmt: skip
def test_a_byte_that_is_no_text_is_told_with_its_place(
    tmp_path, underway, monkeypatch, *, encoding, content, at
):
    """Nothing is replaced; the place is that in the file, however it was cut."""
    for chunk_bytes in (1, 7, 1024):
        monkeypatch.setattr(encodings, "_CHUNK_BYTES", chunk_bytes)
        under = underway()
        with pytest.raises(SourceMalformed, match=rf"x\.csv: the byte 0x.. at offset {at} is not {encoding}"):
            reencoded(file(tmp_path, content), encoding, under)
        assert (list(under.folder().iterdir()), under.spooled_bytes) == ([], 0)


def test_what_is_no_compressed_file_is_named(tmp_path, underway):
    """Other content, or a file that breaks off."""
    for content, name in (
        (b"abc", "x.gz"), (gzip.compress(b"abc" * 999)[:-9], "x.gz"), (b"abc", "x.zst"),
        (pa.Codec("zstd").compress(bytes(range(256)) * 9, asbytes=True)[:-9], "x.zst"),
    ):  # fmt: skip
        with pytest.raises(SourceMalformed, match=rf"{name}: cannot be read as (gzip|zstd)"):
            reencoded(file(tmp_path, content, name), "latin-1", underway())


def test_a_bomb_ends_at_the_limit(tmp_path, underway):
    """A small file that would fill the disk is stopped while it is written."""
    bomb = file(tmp_path, gzip.compress(b"a" * 5_000_000), "x.gz")
    with pytest.raises(SourceMalformed, match=r"more than 3000000 bytes .* \(spool_bytes_max\)"):
        reencoded(bomb, "latin-1", underway(spool_bytes_max=3_000_000))


def test_a_stop_ends_it(tmp_path, underway):
    """Between two chunks."""
    under = underway()
    under.stop()
    with pytest.raises(TaskStopped):
        reencoded(file(tmp_path, b"abc"), "latin-1", under)
