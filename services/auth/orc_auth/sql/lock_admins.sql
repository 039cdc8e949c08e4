-- Who makes the first admin, or changes an account, goes one after the other: there is one first admin, and always one.
SELECT pg_advisory_xact_lock(hashtext('orc_auth_admins'))
