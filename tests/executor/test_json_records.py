"""Records cut out of an answer."""

import pytest

from orc_executor.errors import WrongShape
from orc_executor.extractors.json.records import ROOT, JsonPath, compact, records, value


def cut(body, path="$"):
    found = records(compact(body), JsonPath.parse(path, "records"))
    lines = found.text.split(b"\n") if found.text else []
    assert found.count == len(lines)
    return lines


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'[{"a":1},{"a":2}]', "$"),
        (b'\xef\xbb\xbf[\n {"a": 1},\r\n {"a": 2}\n]\n', "$"),
        (b'{"data":{"the items":[{"a":1},{"a":2}]}}', "$.data['the items']"),
        (b'{"data":{"items":[{"a":1},{"a":2}]}}', '$["data"].items[*]'),
        (b'{"rows":[{"a":1},{"a":2},{"b":3}]}', "$.rows[?@.a]"),
        (b'{"x":[{"r":{"a":1}},{"r":{"a":2}}]}', "$..r"),
    ],
)
def test_records_are_found(body, path):
    """At the root, along names, or by any other JSONPath; one line each, whatever line ends the answer has."""
    assert cut(body, path) == [b'{"a":1}', b'{"a":2}']


def test_records_are_as_they_were_sent():
    """Order, numbers past 64 bits and escapes: nothing is decoded on the way."""
    record = b'{"b":1e400,"a":123456789012345678901234567890,"t":"\\u00e9\\n","b2":1.10}'
    assert cut(b"[" + record + b"]") == [record]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b"<html>", "$", "the answer is no JSON (JSON is malformed: invalid character (byte 0)): it is HTML or XML"),
        (b"", "$", "the answer is no JSON (Input data was truncated): it is empty"),
        (b'[{"a":1}', "$", None),
        (b'{"error":"secret?"}', "$", "there is no array at $, but an object with error"),
        (b'{"error":"secret?"}', "$.data", "there is nothing at $.data: the answer is an object with error"),
        (b'{"data":null}', "$.data", "there is no array at $.data, but null"),
        (b"[1,2]", "$", "not every record at $ is an object"),
        (b'{"x":[1]}', "$..x[*]", "not every record at $..x[*] is an object"),
    ],
)  # fmt: skip
def test_what_has_another_shape_says_so_without_quoting_it(body, path, message):
    """A server may send back what it was sent, so no value of the answer is shown."""
    with pytest.raises(WrongShape) as raised:
        cut(body, path)
    assert message in (None, str(raised.value))


def test_a_path_that_is_none_is_refused():
    """With the field of the config."""
    with pytest.raises(WrongShape, match=r"records: \$\[ is no JSONPath"):
        JsonPath.parse("$[", "records")


def test_values_beside_the_records():
    """Totals, cursors and links; None where there is nothing."""
    body = b'{"page":{"total":7,"next":null},"items":[]}'
    places = ("$.page.total", "$.page.next", "$.page.gone", "$.items.deep", "$..total")
    assert [value(body, JsonPath.parse(place, "x")) for place in places] == [7, None, None, None, 7]
    assert value(b"[1]", ROOT) == [1]
