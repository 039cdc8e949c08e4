-- The statement that makes role $1 exist, as a login with SCRAM verifier $2, or as no login when $2 is null.
SELECT CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text) THEN 'ALTER' ELSE 'CREATE' END
    || CASE
        WHEN $2::text IS NULL THEN format(' ROLE %I NOLOGIN', $1::text)
        ELSE format(' ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)
    END
