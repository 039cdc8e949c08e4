-- Events after a position, of a type when given: so many, and none after the one that passes so many bytes of data.
-- Row by row, because what comes after the last need not be read: an event may be as large as a request's body.
WITH RECURSIVE page AS (
    (
        SELECT e AS event, octet_length(e.data::text)::int8 AS bytes, 1 AS place
        FROM log.events e WHERE e.position > $1 AND ($2::text IS NULL OR e.type = $2) ORDER BY e.position LIMIT 1
    )
    UNION ALL
    SELECT next.event, page.bytes + octet_length((next.event).data::text), page.place + 1
    FROM page CROSS JOIN LATERAL (
        SELECT e AS event FROM log.events e
        WHERE e.position > (page.event).position AND ($2::text IS NULL OR e.type = $2) ORDER BY e.position LIMIT 1
    ) next
    WHERE page.place < $3 AND page.bytes < $4
)
SELECT (event).position, (event).stream, (event).version, (event).type, (event).schema_version, (event).data,
       (event).actor, (event).command_id, (event).correlation_id, (event).occurred_at, (event).recorded_at, (event).hash
FROM page ORDER BY 1
