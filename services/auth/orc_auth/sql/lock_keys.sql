-- Two processes that start at once agree on one first key.
SELECT pg_advisory_xact_lock(hashtext('orc_auth_keys'))
