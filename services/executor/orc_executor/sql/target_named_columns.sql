-- The columns of a table of the attached file that is given as it stands in SQL: target.main."name".
SELECT column_name, data_type
FROM duckdb_columns()
WHERE database_name = 'target' AND schema_name = 'main'
    AND translate('target.main."' || replace(table_name, '"', '""') || '"', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = $1
ORDER BY column_index
