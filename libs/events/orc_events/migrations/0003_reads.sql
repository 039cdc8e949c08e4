-- Reads that must never become a scan: their plans are kept by sessions that live while the log grows.

CREATE FUNCTION log.read_after(after int8, events_max int8) RETURNS SETOF log.events LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT * FROM log.events e WHERE e.position > after ORDER BY e.position LIMIT events_max;
END $$;

-- The events of several streams, each after its own version; `first_position` prunes older partitions.
CREATE FUNCTION log.read_streams(streams text[], afters int8[]) RETURNS SETOF log.events LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN QUERY
    SELECT e.*
    FROM unnest(streams, afters) wanted(stream, after)
    JOIN log.streams s ON s.stream = wanted.stream
    JOIN LATERAL (
        SELECT * FROM log.events e
        WHERE e.stream = s.stream AND e.version > wanted.after AND e.position >= s.first_position
    ) e ON true
    ORDER BY e.stream, e.version;
END $$;

GRANT EXECUTE ON FUNCTION log.read_after, log.read_streams
TO orc_gateway, orc_auth, orc_scheduler, orc_executor, orc_auditor;
