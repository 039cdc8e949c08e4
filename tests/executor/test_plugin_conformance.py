"""The example plugins hold what the conformance suite asks, and our own loader of DuckDB files does, too."""

import sqlite3
from contextlib import closing
from datetime import date

import duckdb
import pytest
from support.plugins import EXAMPLES, RSS, SQLITE, announce, on_path
from support.web_server import web_server

from orc_executor.plugins.conformance import EXTRACTOR_CHECKS, LOADER_CHECKS, ExtractorCase, LoaderCase

ITEMS = [{"title": f"Item {n}", "guid": str(n), "pubDate": f"2026-05-{n % 28 + 1:02}"} for n in range(2500)]


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    announce(tmp_path / "site", RSS | SQLITE)
    with on_path(monkeypatch, tmp_path / "site", EXAMPLES):
        yield


@pytest.fixture
def feed():
    items = "".join(
        f"<item><title>{one['title']}</title><guid>{one['guid']}</guid><pubDate>{one['pubDate']}</pubDate></item>"
        for one in ITEMS
    )
    body = f"<rss version='2.0'><channel><title>News</title>{items}</channel></rss>".encode()
    with web_server(lambda _asked: (200, {}, body)) as server:
        yield server.url + "/feed.xml"


@pytest.mark.parametrize("check", EXTRACTOR_CHECKS, ids=lambda check: check.__name__)
def test_the_example_extractor_conforms(check, plugins, feed, tmp_path):
    """Each check of the suite holds for the RSS extractor, on a cursor of numbers."""
    config = {
        "type": "rss",
        "url": feed,
        "columns": {"guid": "BIGINT"},
        "incremental": {"cursor": "guid", "initial": 0},
    }
    data = tmp_path / "data"
    data.mkdir()
    rows = [{**one, "guid": int(one["guid"]), "pubDate": date.fromisoformat(one["pubDate"])} for one in ITEMS]
    check(ExtractorCase(config=config, folder=data, rows=rows, cursor="1200"))


def read_sqlite(folder):
    if not (folder / "out.sqlite").exists():
        return []
    with closing(sqlite3.connect(folder / "out.sqlite")) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 't'").fetchall():
            return []
        return database.execute("SELECT id, name FROM t").fetchall()


def read_duckdb(folder):
    if not (folder / "out.duckdb").exists():
        return []
    with duckdb.connect(str(folder / "out.duckdb"), read_only=True) as connection:
        if not connection.execute("FROM duckdb_tables() WHERE table_name = 't'").fetchall():
            return []
        return connection.execute("SELECT id, name FROM t").fetchall()


@pytest.mark.parametrize("check", LOADER_CHECKS, ids=lambda check: check.__name__)
def test_the_example_loader_conforms(check, plugins, tmp_path):
    """Each check of the suite holds for the SQLite loader."""
    check(
        LoaderCase(
            folder=tmp_path,
            config=lambda _folder: {"type": "sqlite", "path": "out.sqlite", "table": "t"},
            read_back=read_sqlite,
        )
    )


@pytest.mark.parametrize("check", LOADER_CHECKS, ids=lambda check: check.__name__)
def test_our_own_loader_conforms(check, tmp_path):
    """Each check of the suite holds for DuckDB files."""
    check(
        LoaderCase(
            folder=tmp_path,
            config=lambda _folder: {"type": "duckdb", "db_path": "out.duckdb", "table_name": "t"},
            read_back=read_duckdb,
        )
    )
