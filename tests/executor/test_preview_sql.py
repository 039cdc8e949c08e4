"""The first rows of a Postgres query, by a real worker and a real Postgres."""

from support.previewing import look, rows_of
from support.warehouse import CONNECTION, warehouse_worker


def test_no_more_rows_than_it_takes(tmp_path, warehouse):
    """Of a query without end so many rows are copied, and one that tells of more; what there is less of is whole."""
    source = {"type": "sql", "connection": CONNECTION}
    endless = "SELECT generate_series(1, 9223372036854775806) AS n"
    with warehouse_worker(tmp_path, warehouse.url) as worker:
        preview = look(worker, source | {"query": endless}, rows=3)
        assert (rows_of(preview), preview.is_complete) == ([{"n": 1}, {"n": 2}, {"n": 3}], False)
        assert preview.source.rows_seen == 4
        assert look(worker, source | {"query": "SELECT 1 AS n"}).is_complete
