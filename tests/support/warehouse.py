"""A Postgres database as jobs know it, by a secret, and as a user looks into it."""

from contextlib import contextmanager

import asyncpg
import pytest
from support.worker_process import worker_process

CONNECTION = {"secret": "warehouse"}


class Warehouse:
    """Runs statements on connections of its own."""

    def __init__(self, url, portal):
        self.url, self._portal = url, portal

    def run(self, sql, *parameters):
        """Return the rows of one statement, or of the last of several."""

        async def run():
            connection = await asyncpg.connect(self.url)
            try:
                if not parameters and ";" in sql:
                    await connection.execute(sql)
                    return []
                return [tuple(row) for row in await connection.fetch(sql, *parameters)]
            finally:
                await connection.close()

        return self._portal.call(run)

    @contextmanager
    def session(self):
        """Hold a connection open: `run` of what is given."""
        connection = self._portal.call(asyncpg.connect, self.url)
        try:
            yield lambda sql, *more: self._portal.call(connection.fetch, sql, *more)
        finally:
            self._portal.call(connection.close)


@contextmanager
def warehouse_worker(data_dir, url, **more):
    """Run a worker that may reach this machine and has the secret."""
    with worker_process(data_dir, ORC_SECRET_WAREHOUSE=url, ORC_EGRESS_ALLOW="loopback", **more) as worker:
        yield worker


@pytest.fixture
def warehouse(database, portal):
    return Warehouse(database.superuser_url, portal)
