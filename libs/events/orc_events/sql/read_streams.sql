-- The events of several streams, each after its own version. The columns are the fields of `Recorded`, in its order.
SELECT position, stream, version, type, schema_version, data, actor, command_id, correlation_id, occurred_at, recorded_at, hash
FROM log.read_streams($1, $2)
