-- Drop the rows whose failures are all forgiven, at one per $1 seconds; what somebody counts in right now is left.
DELETE FROM failures WHERE of_what IN (
    SELECT of_what FROM failures
    WHERE blocked_until < clock_timestamp() AND last_at < clock_timestamp() - failures * make_interval(secs => $1::int4)
    FOR UPDATE SKIP LOCKED
)
