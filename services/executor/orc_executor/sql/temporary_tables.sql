-- Our temporary tables, all of one name's beginning.
SELECT table_name FROM duckdb_tables() WHERE temporary AND starts_with(table_name, 'orc_')
