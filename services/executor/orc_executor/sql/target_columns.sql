-- The columns of a table of the attached file, in their order. $1 is its name, A to Z in small letters: `lower` would
-- take tables for one that DuckDB tells apart.
SELECT column_name, data_type
FROM duckdb_columns()
WHERE database_name = 'target' AND schema_name = 'main' AND translate(table_name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = $1
ORDER BY column_index
