"""Files of web servers: fetched whole or not at all, within limits, secrets kept to their host."""

import gzip
import threading
from pathlib import Path

import pytest
from msgspec import structs
from support.scratch_left import left_of_tasks
from support.web_server import web_server
from support.worker_process import DISCARD, table, worker_process
from support.worker_reach import reach_of, underway_of

from orc_executor.errors import AddressRefused, SourceMalformed, SourceMissing, SourceUnavailable, TaskStopped
from orc_executor.extractors.files import fetching as remote_files
from orc_executor.extractors.files.finding import find_files
from orc_executor.extractors.files.web_files import WebFiles
from orc_executor.state import NO_STATE, TaskState

CSV = b"a,b\n1,x\n"
PATHS = "extractor_config.path"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Try again at once."""
    monkeypatch.setattr(remote_files, "PAUSE_SECONDS_FIRST", 0.0)


def content(file):
    return Path(file.path).read_bytes()


def test_files_come_in_the_order_of_the_paths_each_once(tmp_path):
    """Beside those of this machine; the query is part of what a file is, and no part of its name."""
    (tmp_path / "l.csv").write_bytes(b"local")
    with web_server(lambda asked: (200, {}, f"{asked.path}{asked.query}".encode())) as web:
        paths = (
            f"{web.url}/b.csv?day=2",
            "l.csv",
            f"{web.url}/a.csv",
            f"{web.url}/b.csv?day=1",
            "*.csv",
            f"{web.url}/a.csv",
        )
        underway = underway_of(reach_of(tmp_path))
        found = find_files(paths, "all", underway, NO_STATE)
        assert [content(file) for file in found.files] == [
            b"/b.csv{'day': '2'}",
            b"local",
            b"/a.csv{}",
            b"/b.csv{'day': '1'}",
        ]
        assert [file.name for file in found.files] == [
            f"{web.url}/b.csv",
            "l.csv",
            f"{web.url}/a.csv",
            f"{web.url}/b.csv",
        ]
        assert len(web.asked) == 3
        assert (underway.bytes, underway.spooled_bytes, found.marks) == (44, 44, {})


def test_only_new_files_are_read_again(tmp_path):
    """By the etag, else size and date, else what is in them; the body of a known one is not asked for."""
    heads = {"/e": {"etag": '"1"'}, "/d": {"last-modified": "Mon, 01 Jan 2026 00:00:00 GMT"}, "/n": {}}
    body = {"/e": b"e", "/d": b"d", "/n": b"n"}
    (tmp_path / "l").write_bytes(b"l")

    def new(state):
        found = find_files(
            ("l", *(f"{web.url}{path}?q=1" for path in heads)), "new", underway_of(reach_of(tmp_path)), state
        )
        return [file.name.rpartition("/")[2] for file in found.files], TaskState(
            files={**state.files, **found.marks}
        )

    with web_server(lambda asked: (200, heads[asked.path], body[asked.path])) as web:
        names, state = new(NO_STATE)
        assert names == ["l", "e", "d", "n"]
        assert new(state) == ([], state)
        assert not any("q=1" in key for key in state.files)
        heads["/e"], body["/n"] = {"etag": '"2"'}, b"N"
        heads["/d"] = {"last-modified": "Mon, 01 Jan 2026 00:00:01 GMT"}
        (tmp_path / "l").write_bytes(b"longer")
        names, state = new(state)
        assert names == ["l", "e", "d", "n"]
        assert new(state) == ([], state)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([(500, {}, b""), (429, {"retry-after": "0"}, b""), (200, {}, CSV)], 3),
        ([(200, {"content-length": "9", "connection": "close"}, CSV), (200, {}, CSV)], 2),
    ],
)
def test_what_may_pass_is_tried_again(tmp_path, answers, asked):
    """A fault of the server, and a file that breaks off; nothing of the first try is left or counted."""
    left = list(answers)
    with web_server(lambda _: left.pop(0)) as web:
        underway = underway_of(reach_of(tmp_path))
        found = find_files(f"{web.url}/a.csv", "all", underway, NO_STATE)
        assert [content(file) for file in found.files] == [CSV]
        assert (underway.bytes, underway.spooled_bytes, len(web.asked)) == (len(CSV), len(CSV), asked)


def test_a_file_shorter_than_was_said_is_no_file(tmp_path, monkeypatch):
    """Also where a client takes its end for the end."""
    judged = WebFiles._judged
    monkeypatch.setattr(WebFiles, "_judged", lambda *args: structs.replace(judged(*args), size=9))
    with web_server(lambda _: (200, {}, CSV)) as web:
        with pytest.raises(SourceUnavailable, match="broke off after 8 of 9 bytes"):
            find_files(f"{web.url}/a.csv", "all", underway_of(reach_of(tmp_path)), NO_STATE)
        assert len(web.asked) == remote_files.TRIES_MAX


@pytest.mark.parametrize(
    ("answer", "fault", "said"),
    [
        ((404, {}, b""), SourceMissing, "HTTP 404"), ((410, {}, b""), SourceMissing, "HTTP 410"),
        ((503, {"retry-after": "3600"}, b""), SourceUnavailable, "HTTP 503"),
        ((200, {"content-length": "9", "connection": "close"}, CSV), SourceUnavailable, "peer closed|broke off"),
        ((302, {"location": "file:///etc/passwd"}, b""), Exception, "not http or https"),
        ((302, {"location": "http://169.254.169.254/x"}, b""), AddressRefused, "never allowed"),
        ((204, {}, b""), Exception, "HTTP 204"),
    ],
)  # fmt: skip
def test_what_fails_says_so_without_the_query(tmp_path, answer, fault, said):
    """The URL's query is in no message."""
    with web_server(lambda _: answer) as web, pytest.raises(fault, match=said) as refusal:
        find_files(f"{web.url}/a.csv?q=hidden", "all", underway_of(reach_of(tmp_path)), NO_STATE)
    assert "hidden" not in str(refusal.value)


def test_secret_headers_stay_with_the_host_that_the_path_names(tmp_path):
    """A redirect elsewhere gets only what is no secret."""
    with (
        web_server(lambda _: (200, {}, CSV)) as other,
        web_server(lambda _: (302, {"location": f"{other.url}/b"}, b"")) as web,
        worker_process(tmp_path, ORC_EGRESS_ALLOW="loopback", ORC_SECRET_TOKEN="s3cret") as worker,
    ):
        headers = {"X-Token": {"secret": "token"}, "X-Plain": "yes"}
        config = {"type": "csv", "path": f"{web.url}/a.csv", "storage": {"headers": headers}}
        assert worker.load(config, DISCARD) == 1
        (first,), (second,) = web.asked, other.asked
        assert (first.headers["x-token"], first.headers["x-plain"]) == ("s3cret", "yes")
        assert ("x-token" in second.headers, second.headers["x-plain"]) == (False, "yes")


def test_a_worker_loads_files_of_every_kind_and_leaves_nothing(tmp_path):
    """Compressed ones by their names; the attempt's folder is gone after it."""
    files = {
        "/a.csv.gz": gzip.compress(CSV),
        "/a.jsonl.gz": gzip.compress(b'{"a": 1}'),
        "/a.json": b'[{"a": 1}]',
    }
    with (
        web_server(lambda asked: (200, {}, files[asked.path])) as web,
        worker_process(tmp_path, ORC_EGRESS_ALLOW="loopback") as worker,
    ):
        for path in files:
            assert worker.load({"type": path.split(".")[1], "path": f"{web.url}{path}"}, table()) == 1
        assert left_of_tasks(tmp_path) == []


def test_a_private_address_is_refused_unless_allowed(tmp_path):
    """Before anything is asked."""
    with web_server(lambda _: (200, {}, CSV)) as web, pytest.raises(AddressRefused, match="ORC_EGRESS_ALLOW"):
        find_files(f"{web.url}/a.csv", "all", underway_of(reach_of(tmp_path, egress=())), NO_STATE)
    assert web.asked == []


def test_an_endless_file_ends_at_the_limit(tmp_path):
    """All files together count."""
    with web_server(lambda asked: (200, {}, b"x" * 600)) as web:
        underway = underway_of(reach_of(tmp_path), spool_bytes_max=1000)
        with pytest.raises(SourceMalformed, match="spool_bytes_max"):
            find_files((f"{web.url}/a", f"{web.url}/b"), "all", underway, NO_STATE)
        (tmp_path / "l.csv").write_bytes(CSV)
        with pytest.raises(SourceMalformed, match="more than 1 files"):
            find_files(
                ("l.csv", f"{web.url}/a"), "all", underway_of(reach_of(tmp_path), files_max=1), NO_STATE
            )
        with pytest.raises(SourceMalformed, match="more than 1 files"):
            find_files(
                (f"{web.url}/a", f"{web.url}/b"),
                "all",
                underway_of(reach_of(tmp_path), files_max=1),
                NO_STATE,
            )


def test_a_stop_ends_a_download_that_hangs(tmp_path):
    """However long the server keeps silent."""
    underway, asked, go_on = underway_of(reach_of(tmp_path)), threading.Event(), threading.Event()

    def answer(_):
        asked.set()
        go_on.wait(30)
        return 200, {}, CSV

    def stop():
        asked.wait(30)
        underway.stop()

    stopper = threading.Thread(target=stop)
    with web_server(answer) as web:
        stopper.start()
        with pytest.raises(TaskStopped):
            find_files(f"{web.url}/a.csv", "all", underway, NO_STATE)
        go_on.set()
        stopper.join()
