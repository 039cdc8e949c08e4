-- The bootstrap secret works once: two who present it at the same moment go one after the other.
SELECT pg_advisory_xact_lock(hashtext('orc_auth_first_admin'))
