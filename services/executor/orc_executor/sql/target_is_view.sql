-- Whether a name of the attached file stands for a view.
SELECT 1 FROM duckdb_views() WHERE database_name = 'target' AND schema_name = 'main' AND lower(view_name) = lower($1)
