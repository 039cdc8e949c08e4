-- Forget sessions that no token can belong to any more: over for $1 seconds or longer, $2 at a time. Their refresh tokens
-- go first: one session may have more of them than can be deleted at once.
DELETE FROM sessions WHERE session_id IN (
    SELECT session_id FROM sessions s
    WHERE (expires_at < clock_timestamp() - make_interval(secs => $1)
       OR ended_at < clock_timestamp() - make_interval(secs => $1))
      AND NOT EXISTS (SELECT FROM refresh_tokens r WHERE r.session_id = s.session_id)
    LIMIT $2)
