-- Events of one stream after a position, of a type when given: so many, and none after the one that passes so many
-- bytes of data. Row by row, as in list_events; versions order a stream as positions do, and have the index.
WITH RECURSIVE page AS (
    (
        SELECT e AS event, octet_length(e.data::text)::int8 AS bytes, 1 AS place
        FROM log.streams s JOIN log.events e ON e.stream = s.stream AND e.position >= s.first_position
        WHERE s.stream = $5 AND e.position > $1 AND ($2::text IS NULL OR e.type = $2) ORDER BY e.version LIMIT 1
    )
    UNION ALL
    SELECT next.event, page.bytes + octet_length((next.event).data::text), page.place + 1
    FROM page CROSS JOIN LATERAL (
        SELECT e AS event FROM log.events e
        WHERE e.stream = $5 AND e.version > (page.event).version AND e.position > (page.event).position
          AND ($2::text IS NULL OR e.type = $2)
        ORDER BY e.version LIMIT 1
    ) next
    WHERE page.place < $3 AND page.bytes < $4
)
SELECT (event).position, (event).stream, (event).version, (event).type, (event).schema_version, (event).data,
       (event).actor, (event).command_id, (event).correlation_id, (event).occurred_at, (event).recorded_at, (event).hash
FROM page ORDER BY 1
