-- End the sessions of an account that still live: all, or the one of $2. Oldest first, so that two who do it cannot deadlock.
WITH ending AS (
    SELECT session_id FROM sessions
    WHERE user_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR session_id = $2)
    ORDER BY session_id FOR UPDATE
)
UPDATE sessions s SET ended_at = clock_timestamp(), ended_why = $3 FROM ending
WHERE s.session_id = ending.session_id RETURNING s.session_id
