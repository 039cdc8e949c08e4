"""Files as people publish them: the sets of the vega_datasets package, and flights of three airports with late changes."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest
from support.worker_process import table, worker_process

SETS = Path(find_spec("vega_datasets").submodule_search_locations[0]) / "_data"


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    for path in SETS.glob("*.json"):
        # Copied, as an installer may have linked them, and a file with several names is refused.
        shutil.copyfile(path, folder / path.name)
    with worker_process(folder) as worker:
        yield worker


@pytest.mark.parametrize("path", sorted(SETS.glob("*.json")), ids=lambda path: path.stem)
def test_every_set_loads_with_all_its_records_and_numbers(worker, path):
    """By its own reading in Python: the same records, keys, numbers and nulls."""
    records = json.loads(path.read_text(encoding="utf-8"))
    assert worker.load({"type": "json", "path": path.name}, table()) == len(records)
    names = list(dict.fromkeys(name for record in records for name in record))
    assert list(worker.types()) == names
    rows = worker.rows()
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        wanted = [record.get(name) for record in records]
        if any(isinstance(value, str) for value in wanted):
            assert [value is None for value in column] == [value is None for value in wanted]
        else:
            assert list(column) == wanted


def test_the_same_rows_come_by_lines_by_an_array_and_by_parquet(worker):
    """Nested ones too: one set, written in four ways."""
    records = json.loads((SETS / "cars.json").read_text(encoding="utf-8"))
    nested = [
        {
            "name": one["Name"],
            "engine": {"power": one["Horsepower"], "sizes": [one["Cylinders"], one["Displacement"]]},
        }
        for one in records
    ]
    (worker.data_dir / "a.json").write_text(json.dumps(nested))
    (worker.data_dir / "b.json").write_text(json.dumps({"cars": {"all": nested}}))
    (worker.data_dir / "c.jsonl").write_text("\n".join(map(json.dumps, nested)))
    found = []
    for config in (
        {"type": "json", "path": "a.json"},
        {"type": "json", "path": "b.json", "records": "$.cars.all"},
        {"type": "jsonl", "path": "c.jsonl"},
    ):
        assert worker.load(config, table()) == len(records)
        found.append((worker.types(), worker.rows()))
    with duckdb.connect(str(worker.data_dir / "out.duckdb")) as connection:
        connection.execute(f"COPY t TO '{worker.data_dir / 'd.parquet'}' (FORMAT parquet)")
    assert worker.load({"type": "parquet", "path": "d.parquet"}, table()) == len(records)
    found.append((worker.types(), worker.rows()))
    assert all(one == found[0] for one in found)
    assert found[0][0]["engine"] == "STRUCT(power BIGINT, sizes DOUBLE[])"
