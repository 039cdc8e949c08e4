-- Events after a position, of a type when given.
SELECT position, stream, version, type, schema_version, data, actor, command_id, correlation_id, occurred_at,
       recorded_at, hash
FROM log.events WHERE position > $1 AND ($2::text IS NULL OR type = $2) ORDER BY position LIMIT $3
