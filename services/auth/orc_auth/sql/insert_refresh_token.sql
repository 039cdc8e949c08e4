-- A token to carry a session on once, within $3 seconds and the session's own time; `expires_at` of the session: $4.
INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
VALUES ($1, $2, least(clock_timestamp() + make_interval(secs => $3), $4))
