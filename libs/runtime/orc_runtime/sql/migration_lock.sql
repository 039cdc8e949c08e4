-- One migration at a time per database; released with the session.
SELECT pg_advisory_lock(hashtext('orc_migrations'))
