-- The columns of a read table in their order; `json` has no equality, so it is compared as the text it is.
SELECT string_agg(CASE WHEN data_type = 'json' THEN format('%1$I::text AS %1$I', column_name)
                       ELSE quote_ident(column_name) END, ', ' ORDER BY ordinal_position)
FROM information_schema.columns WHERE table_schema = 'read' AND table_name = $1
