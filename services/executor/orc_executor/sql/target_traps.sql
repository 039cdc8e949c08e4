-- What the attached file holds that would make other things of our statements than they say: triggers, views where our
-- own tables are, and types, among which may be some that stand for DuckDB's own.
SELECT 'the trigger', schema_name, trigger_name FROM duckdb_triggers() WHERE database_name = 'target'
UNION ALL
SELECT 'the view', schema_name, view_name
FROM duckdb_views()
WHERE database_name = 'target' AND NOT internal AND lower(schema_name) = '_orc'
UNION ALL
SELECT 'the type', schema_name, type_name
FROM duckdb_types()
WHERE database_name = 'target' AND NOT internal
