-- One load at a time into what the key stands for, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('orc:' || $1::text, 0))
