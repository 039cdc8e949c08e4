"""Ten thousand tasks whose paths are swapped under them: the canaries outside are neither read nor changed."""

import os
from pathlib import Path

import pytest
from support.swap_races import CARELESS, KINDS, PATHS_ALONE, race

from orc_executor import landlock

RACES = int(os.environ.get("ORC_SWAP_RACES") or 10_000)
TIMES = -(-RACES // len(KINDS))


@pytest.mark.parametrize("kind", KINDS)
def test_no_swap_leads_outside(tmp_path: Path, kind: str):
    """By the paths' code alone, whatever is swapped."""
    races = race(tmp_path, kind, TIMES, **PATHS_ALONE)
    assert (races.led_outside, races.outside.changed()) == ([], False)
    assert races.ends["Loaded"] > 0


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
@pytest.mark.parametrize(
    "kind", ["source_file", "source_folder", "parquet_source", "target_file", "new_target_folder"]
)
def test_landlock_alone_suffices(tmp_path: Path, kind: str):
    """By the kernel alone, of a worker that goes by names."""
    races = race(tmp_path, kind, TIMES, CARELESS)
    assert (races.led_outside, races.outside.changed()) == ([], False)
    assert races.ends["Loaded"] > 0
