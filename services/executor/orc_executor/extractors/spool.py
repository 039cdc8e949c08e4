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
        self._is_empty = True

    def __enter__(self) -> Self:
        self._file = self.path.open("wb", buffering=WRITE_BUFFER_BYTES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, records: Records) -> None:
        """Write a page's records; raises WrongShape when it does not go with those before, OSError."""
        if records.header is not None and records.header != self.header:
            if self.header is not None or not self._is_empty:
                raise WrongShape(f"{self._name}: a page has another CSV header than the first one")
            self.header = records.header
            self._write(records.header)
        elif records.count and records.header is None and self.header is not None:
            raise WrongShape(f"{self._name}: one page is CSV, another is not")
        if records.count:
            self._write(records.text)

    def _write(self, text: bytes) -> None:
        self.bytes += self._file.write(text) + self._file.write(b"\n")
        self._is_empty = False
        if self.bytes > self._bytes_max:
            raise WrongShape(f"{self._name}: more than {self._bytes_max} bytes")
