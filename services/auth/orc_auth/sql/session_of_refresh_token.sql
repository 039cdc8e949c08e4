-- Lock the session that a refresh token belongs to: two who bring the same one go one after the other.
SELECT s.session_id FROM refresh_tokens r JOIN sessions s USING (session_id) WHERE r.token_hash = $1 FOR UPDATE OF s
