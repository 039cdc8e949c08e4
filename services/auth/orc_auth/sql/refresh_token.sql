-- The token, its session and its account, read under the session's lock; how many seconds ago it was used, if it was.
SELECT s.session_id, s.expires_at, a.user_id, a.username, a.role, a.is_active,
       s.ended_at IS NOT NULL AS is_ended,
       r.expires_at <= clock_timestamp() OR s.expires_at <= clock_timestamp() AS is_expired,
       extract(epoch FROM clock_timestamp() - r.used_at)::float8 AS used_seconds
FROM refresh_tokens r JOIN sessions s USING (session_id) JOIN accounts a USING (user_id)
WHERE r.token_hash = $1
