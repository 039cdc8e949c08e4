-- Events of one stream after a position, of a type when given.
SELECT e.position, e.stream, e.version, e.type, e.schema_version, e.data, e.actor, e.command_id, e.correlation_id,
       e.occurred_at, e.recorded_at, e.hash
FROM log.streams s JOIN log.events e ON e.stream = s.stream AND e.position >= s.first_position
WHERE s.stream = $4 AND e.position > $1 AND ($2::text IS NULL OR e.type = $2) ORDER BY e.position LIMIT $3
