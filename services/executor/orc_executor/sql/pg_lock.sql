-- One load at a time into what the key stands for, until the transaction ends. With schema and types: a function that
-- somebody made elsewhere on the search_path may fit a call better.
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('orc:' || $1::text, 0::bigint))
