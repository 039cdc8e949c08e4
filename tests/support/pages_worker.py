"""A worker as the examples of the pages need it: with all secrets that they name, and a database behind some of them."""

import shutil
from contextlib import contextmanager
from uuid import uuid4

from support.config_pages import DATA, variables
from support.servers import TestDatabase, execute
from support.warehouse import Warehouse
from support.worker_process import worker_process


@contextmanager
def pages_warehouse(postgres, portal):
    """Have an empty database."""
    name = f"pages_{uuid4().hex[:12]}"
    portal.call(execute, postgres.superuser_url, f"CREATE DATABASE {name}")
    yield Warehouse(TestDatabase(name, postgres).superuser_url, portal)
    portal.call(execute, postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def pages_worker(data_dir, warehouse, **secrets):
    """Run a worker that finds the files of `examples/data`; the secrets `warehouse` and `shop` lead to the database."""
    environment = variables(warehouse=warehouse.url, shop=warehouse.url, **secrets)
    with worker_process(
        data_dir, ORC_EGRESS_ALLOW="loopback", ORC_FILE_ROOTS=str(DATA), **environment
    ) as worker:
        yield worker


def clear(data_dir):
    """Leave the data folder as if no example had been run."""
    for path in data_dir.iterdir():
        if path.is_file():
            path.unlink()
        elif path.name != ".scratch":
            shutil.rmtree(path)
