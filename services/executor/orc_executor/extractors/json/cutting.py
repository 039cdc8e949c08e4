"""
Records that a JSONPath leads to, cut out of a file into lines in the attempt's folder.

The whole file is in memory for it, so its size is bounded by `page_bytes_max`; a file that is the array itself is not
read this way.
"""

from orc_executor.errors import SourceMalformed, WrongShape
from orc_executor.extractors.files.encodings import compression_of, plain_chunks
from orc_executor.extractors.files.spooling import spool_path, spooling
from orc_executor.extractors.json.reading import JsonFile
from orc_executor.extractors.json.records import JsonPath, compact, records
from orc_executor.paths import SourceFile
from orc_executor.underway import Underway


def cut_records(one: JsonFile, path: JsonPath, underway: Underway) -> list[JsonFile]:
    """Return a file of the records, none where there is no record; raises SourceMalformed, WrongShape, TaskStopped."""
    from jsonpath_rfc9535 import JSONPathRecursionError  # noqa: PLC0415 - only files with such a path need it

    file = one.file
    body = _whole(one, underway)
    if not body.strip():
        raise SourceMalformed(file.name, "the file is empty")
    try:
        found = records(compact(body), path)
    except WrongShape as error:
        raise SourceMalformed(file.name, str(error)) from error
    except (RecursionError, JSONPathRecursionError) as error:
        raise SourceMalformed(file.name, "is nested too deeply for a path into it") from error
    if not found.count:
        return []
    kept = spool_path(f"records of {file.path}", underway)
    with spooling(kept, file.name, underway) as spool:
        spool.write(found.text)
        spool.write(b"\n")
    return [JsonFile(SourceFile(str(kept), file.name, spool.bytes), "newline_delimited", "none")]


def _whole(one: JsonFile, underway: Underway) -> bytes:
    parts, size, most = list[bytes](), 0, underway.order.limits.page_bytes_max
    for chunk in plain_chunks(one.file, compression_of(one.file, one.compression)):
        underway.check_stop()
        size += len(chunk)
        if size > most:
            raise SourceMalformed(
                one.file.name,
                f"more than {most} bytes (page_bytes_max), which `records` would hold in memory; "
                "a file that is the array itself has no such limit",
            )
        parts.append(chunk)
    return b"".join(parts)
