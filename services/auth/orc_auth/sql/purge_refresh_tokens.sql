-- Forget refresh tokens that expired $1 seconds ago or earlier, and those of sessions that are over for as long; $2 at a time.
DELETE FROM refresh_tokens WHERE token_hash IN (
    SELECT token_hash FROM refresh_tokens WHERE expires_at < clock_timestamp() - make_interval(secs => $1)
    UNION ALL
    SELECT r.token_hash FROM sessions s JOIN refresh_tokens r USING (session_id)
    WHERE s.ended_at < clock_timestamp() - make_interval(secs => $1)
    LIMIT $2)
