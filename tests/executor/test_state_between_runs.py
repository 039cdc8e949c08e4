"""What a task remembers is of what its table has: a reset forgets, a lost table is asked for again."""

import pytest
from support.loads import Loads

from orc_domain.run_messages import CursorSet
from orc_executor.state import Learned, set_by

APPEND = {"cursor": "ts", "write_disposition": "append"}
ROWS = "SELECT 1 AS ts"


@pytest.fixture
def loads(tmp_path):
    loads = Loads(tmp_path)
    yield loads
    loads.scratch.remove()


def test_validators_are_of_the_last_answer(loads):
    """One that has none leaves none of an earlier answer: it would keep away rows that came between."""
    loads.load(ROWS, learned=Learned(etag='"1"', last_modified="Mon"), **APPEND)
    assert loads.state() == ('"1"', "Mon", {})
    loads.load(ROWS, learned=Learned(last_modified="Tue"), **APPEND)
    assert loads.state() == (None, "Tue", {})


def test_a_table_that_is_gone_is_asked_for_again(loads):
    """Whatever the server would say of what did not change."""
    loads.load(ROWS, learned=Learned(etag='"1"'), **APPEND)
    loads.run("DROP TABLE t")
    assert loads.state() == (None, None, {})


def test_a_reset_forgets_every_file(loads):
    """Also those that are not there on the day: when they come back, they are loaded again."""
    loads.load(ROWS, learned=Learned(files={"a": "1", "b": "1"}), **APPEND)
    reset = CursorSet(7, None)
    loads.load(ROWS, learned=Learned(files={"a": "1"}), set_to=lambda state: set_by(reset, state), **APPEND)
    assert loads.state() == (None, None, {"a": "1"})
    loads.load(ROWS, learned=Learned(files={"c": "1"}), **APPEND)
    assert loads.state() == (None, None, {"a": "1", "c": "1"})
