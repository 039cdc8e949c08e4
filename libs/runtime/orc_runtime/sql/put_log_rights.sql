-- Let roles $1 append events of types $2, pair by pair, and nobody anything else; returns a row for each change.
WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS w(role, type)
), taken AS (
    DELETE FROM log.rights r WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.role = r.role AND w.type = r.type)
    RETURNING role, type
), given AS (
    INSERT INTO log.rights (role, type) SELECT role, type FROM wanted ON CONFLICT DO NOTHING
    RETURNING role, type
)
SELECT format('%s may not append %s any more', role, type) AS done FROM taken
UNION ALL
SELECT format('%s may append %s', role, type) FROM given
