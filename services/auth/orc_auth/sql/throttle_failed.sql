-- Count one failure more, those forgiven since the last one taken off ($2 are free, one is forgiven per $3 seconds); from
-- the last free one on it blocks, for $4 seconds and twice as long each time, up to $5 and $6 doublings.
INSERT INTO failures AS known (of_what, failures, last_at, blocked_until)
VALUES ($1, 1, clock_timestamp(), CASE WHEN $2::int4 <= 1 THEN clock_timestamp() + make_interval(secs => $4::int4) ELSE '-infinity' END)
ON CONFLICT (of_what) DO UPDATE SET (failures, last_at, blocked_until) = (
    SELECT
        least(count, $2 + $6::int4),
        clock_timestamp(),
        CASE
            WHEN count < $2 THEN '-infinity'
            ELSE clock_timestamp() + make_interval(secs => least($5::int4, $4 * 2 ^ least(count - $2, $6)))
        END
    FROM (
        SELECT greatest(0, known.failures - floor(extract(epoch FROM clock_timestamp() - known.last_at) / $3::int4)::int4) + 1 AS count
    ) counted
)
