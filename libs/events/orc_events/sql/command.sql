-- What the log remembers of a command id.
SELECT command_id, body_hash, state, position, version, result FROM log.commands WHERE command_id = $1
