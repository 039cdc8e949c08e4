-- Macros of the attached file that have the name of a function of DuckDB's own: where the file is the default database
-- they are called in its place.
SELECT DISTINCT function_name
FROM duckdb_functions()
WHERE database_name = 'target' AND NOT internal
    AND lower(function_name) IN (SELECT lower(function_name) FROM duckdb_functions() WHERE database_name = 'system')
ORDER BY function_name
