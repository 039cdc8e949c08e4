-- All that orc_owner owns in this database, and who else holds what on it: `role right`, with ` *` when the right may be
-- passed on. A partition goes by its table's name, and so does a sequence that belongs to a column.
WITH owned AS (
    SELECT 'SCHEMA' AS kind, n.nspname::text AS name, quote_ident(n.nspname) AS target,
           coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl, n.nspowner AS owner, NULL::oid AS relation
      FROM pg_namespace n
    UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname || '.' || named.relname,
           c.oid::regclass::text,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner)),
           c.relowner, c.oid
      FROM pg_class c
      LEFT JOIN pg_depend d ON c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
       AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      JOIN pg_class named ON named.oid = coalesce(d.refobjid, pg_partition_root(c.oid), c.oid)
      JOIN pg_namespace n ON n.oid = named.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'ROUTINE', n.nspname || '.' || p.proname, p.oid::regprocedure::text,
           coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner, NULL
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
)
SELECT kind, name, target, ARRAY(
           SELECT CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.grantee)) END
                  || ' ' || r.privilege_type || CASE WHEN r.is_grantable THEN ' *' ELSE '' END
             FROM aclexplode(acl) r WHERE r.grantee <> owner
           UNION ALL
           SELECT CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.grantee)) END
                  || ' ' || r.privilege_type || ' (' || quote_ident(a.attname) || ')'
                  || CASE WHEN r.is_grantable THEN ' *' ELSE '' END
             FROM pg_attribute a, aclexplode(a.attacl) r
            WHERE a.attrelid = relation AND NOT a.attisdropped AND r.grantee <> owner
       ) AS held
  FROM owned
 WHERE owner = 'orc_owner'::regrole
 ORDER BY kind, name, target
