-- The columns of a table of the attached file, its name's A to Z in small letters, and of those that may hold its nested rows.
SELECT table_name, column_name, data_type
FROM duckdb_columns()
WHERE database_name = 'target' AND schema_name = 'main'
    AND (translate(table_name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = $1
        OR starts_with(translate(table_name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'), $1 || '__'))
ORDER BY table_name, column_index
