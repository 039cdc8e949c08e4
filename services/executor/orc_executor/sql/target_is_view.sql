-- Whether a name of the attached file, A to Z in small letters, stands for a view.
SELECT 1 FROM duckdb_views() WHERE database_name = 'target' AND schema_name = 'main' 
    AND translate(view_name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = $1
