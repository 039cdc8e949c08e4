-- The statements that close this database to everybody and open it to roles $1, each with its verbs in $2; that keep
-- large objects from whoever has no table for them; and that, on a server with no role but ours, close its other
-- databases as well. What we may not change, on a server that is managed for us, is left out.
SELECT concat_ws(E';\n',
    format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()),
    (SELECT string_agg(format('REVOKE ALL ON DATABASE %1$I FROM %2$I', current_database(), role), E';\n')
       FROM unnest($1::text[]) role),
    (SELECT string_agg(format('GRANT %3$s ON DATABASE %1$I TO %2$I', current_database(), role, verbs), E';\n')
       FROM unnest($1::text[], $2::text[]) AS w(role, verbs)),
    'REVOKE ALL ON SCHEMA public FROM PUBLIC',
    (SELECT string_agg(format('GRANT USAGE ON SCHEMA public TO %I', role), E';\n') FROM unnest($1::text[]) role),
    'GRANT CREATE ON SCHEMA public TO orc_owner',
    (SELECT string_agg(format('REVOKE ALL ON ROUTINE pg_catalog.%I(%s) FROM PUBLIC', p.proname,
                              pg_get_function_identity_arguments(p.oid)), E';\n')
       FROM pg_proc p
      WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^(lo_|loread$|lowrite$)'
        AND pg_has_role(p.proowner, 'USAGE')),
    (SELECT string_agg(format('REVOKE ALL ON DATABASE %I FROM PUBLIC', d.datname), E';\n')
       FROM pg_database d
      WHERE d.datname IN ('postgres', 'template1') AND pg_has_role(d.datdba, 'USAGE')
        AND NOT EXISTS (
            SELECT FROM pg_roles r
             WHERE NOT r.rolsuper AND r.rolname <> ALL ($1::text[]) AND r.rolname NOT LIKE 'pg\_%')),
    'GRANT orc_owner TO orc_migrate')
