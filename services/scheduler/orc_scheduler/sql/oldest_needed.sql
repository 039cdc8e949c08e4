-- The first event that an open run still needs on the bus.
SELECT min(requested_position) FROM open_runs;
