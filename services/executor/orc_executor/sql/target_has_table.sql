-- Whether the attached file has a table, its name's A to Z in small letters; asked before reading one, as an error would abort the open transaction.
SELECT 1 FROM duckdb_tables() WHERE database_name = 'target' AND schema_name = $1 
    AND translate(table_name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = $2
