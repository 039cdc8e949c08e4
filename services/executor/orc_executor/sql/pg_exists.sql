-- Whether our corner of the database is there; read as rows, for a name that was looked up before may be known as missing.
SELECT count(*) = 3
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = '_orc' AND c.relname IN ('receipts', 'fences', 'states')
