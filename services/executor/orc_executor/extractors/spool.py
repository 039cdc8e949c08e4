"""The records of all pages in one file of the scratch folder, as the server wrote them: a JSON object a line, or CSV."""

from pathlib import Path
from types import TracebackType
from typing import Self

from orc_executor.errors import WrongShape
from orc_executor.extractors.json_records import Records

WRITE_BUFFER_BYTES = 1024 * 1024


class Spool:
    """Written page by page, in order."""

    def __init__(self, path: Path, bytes_max: int, name: str) -> None:
        self.path, self._bytes_max, self._name = path, bytes_max, name
        self.bytes = 0
        self.header: bytes | None = None
        """Of CSV; None where the records are JSON."""
        self._line_end = b"\n"

    def __enter__(self) -> Self:
        self._file = self.path.open("wb", buffering=WRITE_BUFFER_BYTES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, records: Records) -> None:
        """Write a page's records; raises WrongShape when they do not go with those before, OSError."""
        if not records.count:
            return
        if not self.bytes:
            self.header, self._line_end = records.header, records.line_end
            if records.header is not None:
                self._write(records.header)
        elif records.header != self.header:
            was = "another CSV header than" if records.header and self.header else "another form than"
            raise WrongShape(f"{self._name}: a page has {was} the first one")
        self._write(records.text)

    def _write(self, text: bytes) -> None:
        # CSV has one kind of line end, which is its pages' own.
        self.bytes += self._file.write(text) + self._file.write(self._line_end)
        if self.bytes > self._bytes_max:
            raise WrongShape(f"{self._name}: more than {self._bytes_max} bytes")
