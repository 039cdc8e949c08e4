-- Forget sessions that no token can belong to any more: over for $1 seconds or longer, 1,000 at a time.
DELETE FROM sessions WHERE session_id IN (
    SELECT session_id FROM sessions
    WHERE expires_at < clock_timestamp() - make_interval(secs => $1)
       OR ended_at < clock_timestamp() - make_interval(secs => $1)
    LIMIT 1000)
