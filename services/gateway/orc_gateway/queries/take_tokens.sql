-- Take up to $2 tokens from the bucket $1, which fills at $3 a second to $4 and whose tokens are spent within $5 seconds: how many
-- were given, and in how many seconds the bucket is full. A bucket without a row is full. $6 is now, the database's when NULL.
WITH asked AS (
    SELECT $1::text AS name, $2::integer AS wanted, $3::float8 AS rate, $4::float8 AS burst, $5::float8 AS held,
           coalesce($6::float8, extract(epoch FROM clock_timestamp())::float8) AS at
)
INSERT INTO rates AS bucket (name, full_at, granted)
SELECT name, at + held + first.granted / rate, first.granted
FROM asked, LATERAL (
    SELECT greatest(0, least(wanted, floor(burst - rate * held + 1e-6)))::integer AS granted
) AS first
ON CONFLICT (name) DO UPDATE SET (full_at, granted) = (
    SELECT CASE WHEN next.granted > 0 THEN since + next.granted / rate ELSE bucket.full_at END, next.granted
    FROM asked,
         LATERAL (SELECT greatest(bucket.full_at, at + held) AS since) AS counted,
         LATERAL (
             SELECT greatest(0, least(wanted, floor(burst - rate * (since - at) + 1e-6)))::integer AS granted
         ) AS next
)
RETURNING granted, full_at - (SELECT at FROM asked) AS full_in
