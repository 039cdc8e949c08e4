"""The files that an example of an extractor names: written so that they fit it, wherever they are said to be."""

import gzip
import json
from io import BytesIO
from urllib.parse import urlsplit

import obstore
import pyarrow as pa
from msgspec import Struct
from pyarrow import parquet
from support.config_pages import DATA
from support.example_fields import as_json, at_path, fields_of, record_of
from support.web_server import web_server

ROWS_A_FILE = 3
FOLDERS, HIVE_FOLDERS = "2026/05", "year=2026/month=5"


class Prepared(Struct):
    """A source that is there."""

    config: dict
    rows: int | None
    """None where it is a file of `examples/data`."""
    bad_rows: int = 0


class FilePlaces:
    """Where files go: a folder, a web server, an object store."""

    def __init__(self, data_dir, s3):
        self._data_dir, self._s3 = data_dir, s3
        self._served, self.asked = {}, []

    def __enter__(self):
        self._context = web_server(self._answer)
        self.web = self._context.__enter__()
        return self

    def __exit__(self, *_):
        self._context.__exit__(None, None, None)

    def _answer(self, asked):
        return 200, {}, self._served[asked.path]

    def prepare(self, config):
        """Write the files of a config, and return it as one that leads to them."""
        paths = [config["path"]] if isinstance(config["path"], str) else config["path"]
        if any((DATA / path).is_file() for path in paths):
            return Prepared({**config}, None)
        spoiled = config.get("on_bad_rows", {}).get("mode", "fail") != "fail"
        files = [
            name
            for path in paths
            for letter in ("ab" if "*" in path else "a")
            for name in [concrete(path, letter, HIVE_FOLDERS if config.get("hive_partitioning") else FOLDERS)]
        ]
        for nth, name in enumerate(files):
            rows = range(nth * ROWS_A_FILE, (nth + 1) * ROWS_A_FILE)
            data = packed(config, name, content(config, rows, nth, spoiled=spoiled))
            self._put(name, data, is_public=config.get("storage", {}).get("anonymous", False))
        storage = config.get("storage")
        if storage is not None and paths[0].startswith("s3://"):
            storage = {**storage, "endpoint": self._s3().url}
        changed = {
            "path": [self._leading(path) for path in paths] if len(paths) > 1 else self._leading(paths[0])
        }
        changed |= {"storage": storage} if storage else {}
        return Prepared({**config, **changed}, ROWS_A_FILE * len(files), len(files) if spoiled else 0)

    def _leading(self, path):
        url = urlsplit(path)
        return (
            url._replace(scheme="http", netloc=f"127.0.0.1:{self.web.port}").geturl()
            if url.scheme == "https"
            else path
        )

    def _put(self, name, data, *, is_public):
        url = urlsplit(name)
        if url.scheme == "s3":
            store = self._s3()
            obstore.put(store.bucket(url.netloc), url.path.lstrip("/"), data)
            if is_public:
                store.publish(url.netloc, url.path)
        elif url.scheme == "https":
            self._served[url.path] = data
        else:
            path = self._data_dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def concrete(path, letter, folders):
    """Return a name that a pattern matches."""
    return path.replace("**", folders).replace("*", letter)


def content(config, rows, nth_file, *, spoiled):
    records = [record_of(config, nth) for nth in rows]
    match config["type"]:
        case "csv":
            return csv_text(config, records, spoiled=spoiled)
        case "json":
            return json.dumps(
                at_path(config.get("records") or "$", records), default=as_json, ensure_ascii=False
            )
        case "jsonl":
            lines = [json.dumps(record, default=as_json, ensure_ascii=False) for record in records]
            return "\n".join([*lines, '{"id": ' if spoiled else ""])
    file, table = BytesIO(), pa.Table.from_pylist(records)
    # Files may differ in their columns where the config says so.
    parquet.write_table(
        table.drop_columns("name") if config.get("union_by_name") and nth_file else table, file
    )
    return file.getvalue()


def csv_text(config, records, *, spoiled):
    names = list(fields_of(config))
    lines = [f"Report of the day, line {line}" for line in range(config.get("skip_lines", 0))]
    if config.get("header", True):
        lines.append(csv_line(config, names))
    lines += [csv_line(config, record.values()) for record in records]
    return "\n".join([*lines, csv_line(config, ["a"] * (len(names) + 1)) if spoiled else "", ""])


def csv_line(config, values):
    delimiter, quote = config.get("delimiter", ","), config.get("quote", '"')
    fields = [csv_field(config, value) for value in values]
    if quote:
        escaped = config.get("escape", quote) + quote
        fields = [f"{quote}{field.replace(quote, escaped)}{quote}" if {quote, delimiter[0]} & set(field) else field
                  for field in fields]  # fmt: skip
    return delimiter.join(fields)


def csv_field(config, value):
    if hasattr(value, "hour"):
        return value.strftime(config.get("timestamp_format", "%Y-%m-%d %H:%M:%S"))
    if hasattr(value, "year"):
        return value.strftime(config.get("date_format", "%Y-%m-%d"))
    return (
        str(value).replace(".", config.get("decimal_separator", "."))
        if isinstance(value, float)
        else str(value)
    )


def packed(config, name, text):
    """Return the bytes of a file: encoded and compressed as the config or the name's end says."""
    data = text if isinstance(text, bytes) else text.encode(config.get("encoding", "utf-8"))
    kind = config.get("compression", "auto")
    if kind == "gzip" or (kind == "auto" and name.endswith(".gz")):
        return gzip.compress(data)
    if kind == "zstd" or (kind == "auto" and name.endswith(".zst")):
        return pa.compress(data, codec="zstd", asbytes=True)
    return data
