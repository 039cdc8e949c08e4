-- Reads that must never become a scan: their plans are kept by sessions that live while the log grows.

-- Fewer than asked for once large ones have filled 32 MB: thousands of them would neither be sent in time nor fit into
-- the reader's memory, and it would ask for them again for ever. Only an empty answer means that there are none.
CREATE FUNCTION log.read_after(after int8, events_max int8) RETURNS SETOF log.events LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    large      record;
    last       int8 := 9223372036854775807;
    bytes_left int8 := 32 * 1024 * 1024;
BEGIN
    FOR large IN
        SELECT e.position, octet_length(e.data::text) AS bytes
        FROM (SELECT * FROM log.events e WHERE e.position > after ORDER BY e.position LIMIT events_max) e
        -- As it is stored, which costs nothing to know; whatever is larger is kept apart, compressed or not.
        WHERE pg_column_size(e.data) > 1900
        ORDER BY e.position
    LOOP
        bytes_left := bytes_left - large.bytes;
        IF bytes_left <= 0 THEN
            last := large.position;
            EXIT;
        END IF;
    END LOOP;
    RETURN QUERY
    SELECT * FROM log.events e WHERE e.position > after AND e.position <= last ORDER BY e.position LIMIT events_max;
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
