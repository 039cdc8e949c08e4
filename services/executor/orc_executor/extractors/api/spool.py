"""
The records of all pages in the scratch folder, as the server wrote them: a JSON object a line, or CSV.

JSON goes into one file after the other, so that what is whole can be looked at while the next pages are fetched. CSV has
one header, and is one file.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from orc_executor.errors import WrongShape
from orc_executor.extractors.json.records import Records

SEGMENT_BYTES = 32 * 1024 * 1024
WRITE_BUFFER_BYTES = 1024 * 1024


class Spool:
    """Written page by page, in order."""

    def __init__(self, folder: Path, bytes_max: int, name: str, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder, self._bytes_max, self._name = folder, bytes_max, name
        self._segment_bytes = segment_bytes
        self.path = folder / "records-*"
        """What all files' names have in common; they are in the order of the records."""
        self.bytes = 0
        self.header: bytes | None = None
        """Of CSV; None where the records are JSON."""
        self._line_end = b"\n"
        self._rows = self._full_at = 0
        self._files: list[tuple[Path, int]] = []
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield each file's path, and what to call it."""
        for path, rows in self._files:
            yield str(path), f"{self._name}, after record {rows}" if rows else self._name

    def add(self, records: Records) -> Path | None:
        """Write a page's records and return a file that is whole now; raises WrongShape when a page is not as those before, OSError."""
        if not records.count:
            return None
        if not self.bytes:
            self.header, self._line_end = records.header, records.line_end
            if records.header is not None:
                self._write(records.header)
        elif records.header != self.header:
            was = "another CSV header than" if records.header and self.header else "another form than"
            raise WrongShape(f"{self._name}: a page has {was} the first one")
        self._write(records.text)
        self._rows += records.count
        return self.end() if self.header is None and self.bytes >= self._full_at else None

    def end(self) -> Path | None:
        """End the file that is being written and return it; None when there is none."""
        if self._file is None:
            return None
        self._file.close()
        self._file = None
        return self._files[-1][0]

    def _write(self, text: bytes) -> None:
        if self._file is None:
            self._files.append((self._folder / f"records-{len(self._files):08}", self._rows))
            self._file = self._files[-1][0].open("wb", buffering=WRITE_BUFFER_BYTES)
            self._full_at = self.bytes + self._segment_bytes
        # CSV has one kind of line end, which is its pages' own.
        self.bytes += self._file.write(text) + self._file.write(self._line_end)
        if self.bytes > self._bytes_max:
            raise WrongShape(f"{self._name}: more than {self._bytes_max} bytes")
