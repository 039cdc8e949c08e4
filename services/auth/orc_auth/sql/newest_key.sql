-- The newest key: how old it is in seconds, and whether it signs already.
SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 AS seconds, signs_from <= clock_timestamp() AS signs
FROM keys WHERE dropped_at IS NULL ORDER BY created_at DESC LIMIT 1
