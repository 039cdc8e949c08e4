-- The columns of a table of the attached file, in their order.
SELECT column_name, data_type
FROM duckdb_columns()
WHERE database_name = 'target' AND schema_name = 'main' AND lower(table_name) = lower($1)
ORDER BY column_index
