-- Let one try of an account through that has used up its free ones ($2; one forgiven per $3 seconds), and hold the others
-- back for $4 seconds: null to whoever may try, else how long to wait. Who comes at the same moment waits for the row
-- and then finds it taken.
WITH suspect AS (
    SELECT of_what FROM failures
    WHERE of_what = $1 AND failures - floor(extract(epoch FROM clock_timestamp() - last_at) / $3::int4) >= $2::int4
), claimed AS (
    UPDATE failures SET blocked_until = clock_timestamp() + make_interval(secs => $4::float8)
    FROM suspect WHERE failures.of_what = suspect.of_what AND failures.blocked_until <= clock_timestamp()
    RETURNING failures.of_what
)
SELECT $4::float8 WHERE EXISTS (SELECT FROM suspect) AND NOT EXISTS (SELECT FROM claimed)
