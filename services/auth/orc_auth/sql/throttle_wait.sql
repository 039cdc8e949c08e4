-- The longest that one of these is still blocked, in seconds; null when none is.
SELECT max(extract(epoch FROM blocked_until - clock_timestamp()))::float8 FROM failures
WHERE of_what = ANY($1::bytea[]) AND blocked_until > clock_timestamp()
