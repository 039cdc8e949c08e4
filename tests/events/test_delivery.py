"""What an ack subject tells of its message."""

import pytest

from orc_events.delivery import counts_of


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.ORC_WORK.pool-default.3.70.91.1700000000.12",
        "$JS.ACK._.ACC.ORC_WORK.pool-default.3.70.91.1700000000.12.r1",
    ],
)
def test_deliveries_and_what_waits_behind(reply):
    """Both forms of the subject tell how often the message was delivered and how many nobody was given yet."""
    assert counts_of(reply) == (3, 12)


def test_another_subject_is_refused():
    """A reply that no acknowledgement goes to is none."""
    with pytest.raises(ValueError, match="not an ack subject"):
        counts_of("_INBOX.a.b.c.d.e.f.g.h")
