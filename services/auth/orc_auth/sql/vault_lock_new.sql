-- Held until the end of the transaction by whoever makes a secret that was not there: two cannot be first.
SELECT pg_advisory_xact_lock(hashtext('orc_vault'))
