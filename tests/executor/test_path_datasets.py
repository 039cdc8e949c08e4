"""A Parquet dataset whose own folder was tampered with: loads stay in it, whatever its links and its manifest say."""

import json

import pytest
from support.canaries import Outside
from support.worker_process import worker_process

ROWS = {"type": "inline", "rows": [{"a": 1, "p": 1}]}
LAKE = {"type": "parquet", "path": "lake", "partition_by": ["p"]}


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "data").mkdir()
    outside = Outside(tmp_path / "outside")
    (outside.folder / "orc-00000000000000000000000000000000-0.parquet").write_bytes(b"canary")
    outside.watch()
    with worker_process(tmp_path / "data", ORC_WORKER_SANDBOX="off") as worker:
        assert worker.load(ROWS, LAKE) == 1
        yield worker, worker.data_dir / "lake", outside


def test_the_manifest_is_not_written_through_a_link(scene):
    """What stands in the place of the next manifest is replaced, not followed."""
    worker, lake, outside = scene
    (lake / "_orc/manifest.json.orc-unfinished").symlink_to(outside.folder / "secret.txt")
    assert worker.load(ROWS, LAKE) == 1
    assert (outside.touched(), outside.changed()) == ([], False)


def test_files_that_a_manifest_names_outside_stay(scene):
    """Neither a replaced dataset nor a sweep removes what is not below the folder."""
    worker, lake, outside = scene
    path = lake / "_orc/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] += [{"path": "../../outside/x.parquet", "rows": 1, "bytes": 1}]
    path.write_text(json.dumps(manifest))
    (lake / ".orc-unfinished-old").mkdir()
    (lake / "p=2").symlink_to(outside.folder)
    assert worker.load(ROWS, LAKE) == 1
    assert (outside.touched(), outside.changed()) == ([], False)


@pytest.mark.parametrize("name", ["_orc", "_orc/manifest.json", "p=1", "../lake.orc-lock"])
def test_a_link_in_the_place_of_a_part_is_refused(scene, name):
    """The loads fails, naming the dataset."""
    worker, lake, outside = scene
    part = lake / name
    part.rename(lake.parent / "aside")
    part.symlink_to(outside.folder / "p=1" if part.suffix == "" else outside.folder / "secret.txt")
    kind, message = worker.fail(ROWS, LAKE)
    assert (kind, message.partition(":")[0]) == ("target_unusable", "lake")
    assert (outside.touched(), outside.changed()) == ([], False)
