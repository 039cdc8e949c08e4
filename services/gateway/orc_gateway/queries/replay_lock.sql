-- Take a replay schema for this session, false when another session has it.
SELECT pg_try_advisory_lock(hashtext('orc_gateway.replay'), $1)
