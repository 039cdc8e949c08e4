-- Whether the attached file has our tables already.
SELECT 1 FROM duckdb_tables() WHERE database_name = 'target' AND schema_name = '_orc' AND table_name = 'fences'
