"""How the CSV files of a config are written, as options of read_csv."""

from collections.abc import Sequence

from msgspec import Struct, structs

from orc_domain.extractors.csv import CsvExtract
from orc_executor import sql_names
from orc_executor.extractors.files.encodings import compression_of, is_utf8
from orc_executor.paths import SourceFile

LINE_BYTES_MAX = 2_000_000
"""A record longer than this is a bad row; DuckDB's own default, at which its buffers are fast."""


class Dialect(Struct, frozen=True, kw_only=True):
    """What the config says of the files' form."""

    delimiter: str = ","
    null_values: tuple[str, ...] = ("",)
    quote: str = '"'
    escape: str = '"'
    """Empty, or the quote itself, doubled, unless the config names another."""
    has_header: bool = True
    skip_lines: int = 0
    """Before the header, blank ones included."""
    compression: str = "auto"
    date_format: str | None = None
    timestamp_format: str | None = None
    decimal_separator: str = "."

    @property
    def sql(self) -> str:
        """The options of read_csv and sniff_csv, formats left out."""
        options = [
            f"header = {'true' if self.has_header else 'false'}, delim = {sql_names.text(self.delimiter)}",
            f"quote = {sql_names.text(self.quote)}, escape = {sql_names.text(self.escape)}",
            f"nullstr = {sql_names.texts(self.null_values)}, strict_mode = true, null_padding = false",
            # Left to itself the sniffer takes `#` for the beginning of a comment.
            f"comment = '', compression = {sql_names.text(self.compression)}, max_line_size = {LINE_BYTES_MAX}",
        ]
        if self.skip_lines:
            options.append(f"skip = {self.skip_lines}")
        if self.decimal_separator != ".":
            options.append(f"decimal_separator = {sql_names.text(self.decimal_separator)}")
        return ", ".join(options)

    def formats(self, date: str | None = None, timestamp: str | None = None) -> str:
        """Return the options for dates: the config's formats, else these."""
        given = (
            ("dateformat", self.date_format or date),
            ("timestampformat", self.timestamp_format or timestamp),
        )
        return "".join(f", {option} = {sql_names.text(value)}" for option, value in given if value)

    def number(self, column: str) -> str:
        """Return SQL for a column's text as DuckDB writes numbers."""
        if self.decimal_separator == ".":
            return column
        return f"CASE WHEN contains({column}, '.') THEN NULL ELSE replace({column}, ',', '.') END"


def dialect_of(config: CsvExtract) -> Dialect:
    """Return what the config's text alone tells."""
    return Dialect(
        delimiter=config.delimiter,
        null_values=config.null_values,
        quote=config.quote,
        escape=(config.quote if config.escape is None else config.escape) if config.quote else "",
        has_header=config.header,
        skip_lines=config.skip_lines,
        date_format=config.date_format,
        timestamp_format=config.timestamp_format,
        decimal_separator=config.decimal_separator,
    )


def compressed_as(dialect: Dialect, config: CsvExtract, files: Sequence[SourceFile]) -> Dialect:
    """Return the dialect of these files; what was written anew as UTF-8 is plain."""
    if not is_utf8(config.encoding):
        return structs.replace(dialect, compression="none")
    found = {compression_of(file, config.compression) for file in files}
    return structs.replace(dialect, compression=found.pop() if len(found) == 1 else "auto")
