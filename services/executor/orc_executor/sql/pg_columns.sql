-- The columns of a table, in their order, and whether one that is not given gets a value by itself.
SELECT attname::text, pg_catalog.format_type(atttypid, atttypmod), atthasdef OR attidentity <> '' OR attgenerated <> ''
FROM pg_catalog.pg_attribute
WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
