-- The columns of a table of the attached file, and of those that may hold its nested rows.
SELECT table_name, column_name, data_type
FROM duckdb_columns()
WHERE database_name = 'target' AND schema_name = 'main'
    AND (lower(table_name) = lower($1) OR starts_with(lower(table_name), lower($1) || '__'))
ORDER BY table_name, column_index
