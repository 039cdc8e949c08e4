"""How the streams of ticks are read and written."""

from orc_domain.ticks import TickSkipped
from orc_events.codec import EventCodec

TICK_EVENTS: EventCodec[TickSkipped] = EventCodec(TickSkipped)
