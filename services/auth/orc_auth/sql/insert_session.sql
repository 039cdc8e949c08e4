-- A session begins; it ends $3 seconds from now at the latest.
INSERT INTO sessions (session_id, user_id, expires_at)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
RETURNING expires_at
