-- Forget refresh tokens that expired $1 seconds ago or earlier, 1,000 at a time.
DELETE FROM refresh_tokens WHERE token_hash IN (
    SELECT token_hash FROM refresh_tokens WHERE expires_at < clock_timestamp() - make_interval(secs => $1) LIMIT 1000)
