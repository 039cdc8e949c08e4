-- Whether the attached file has a table; asked before reading one, as an error would abort the open transaction.
SELECT 1 FROM duckdb_tables() WHERE database_name = 'target' AND schema_name = $1 AND lower(table_name) = lower($2)
