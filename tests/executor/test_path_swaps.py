"""A name that is swapped for a link between its judgement and its use leads nowhere outside."""

import pytest
from support.swap_races import CARELESS, KINDS, PATHS_ALONE, race

from orc_executor import landlock

TIMES = 30


@pytest.mark.parametrize("kind", KINDS)
def test_no_swap_leads_outside(tmp_path, kind):
    """Without any help of the kernel, whatever is swapped: nothing outside is opened, made or changed, and some loads succeed."""
    races = race(tmp_path, kind, TIMES, **PATHS_ALONE)
    assert (races.led_outside, races.outside.changed()) == ([], False)
    assert races.ends["Loaded"] > 0


def test_the_canaries_sing(tmp_path):
    """The same tasks of a worker that goes by names do read what is outside: the tests above can fail."""
    races = race(tmp_path, "source_file", 1, CARELESS, until=lambda races: races.led_outside, **PATHS_ALONE)
    assert races.led_outside


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
@pytest.mark.parametrize("kind", ["source_file", "parquet_source", "target_file", "new_target_folder"])
def test_landlock_alone_suffices(tmp_path, kind):
    """Of a worker that goes by names the kernel refuses what is outside."""
    races = race(tmp_path, kind, TIMES, CARELESS)
    assert (races.led_outside, races.outside.changed()) == ([], False)
    assert races.ends["Loaded"] > 0
