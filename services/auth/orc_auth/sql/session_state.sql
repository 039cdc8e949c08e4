-- Whether a token's session still lives, and what its account may now.
SELECT a.username, a.role, a.is_active AND s.ended_at IS NULL AS lives
FROM sessions s JOIN accounts a USING (user_id) WHERE s.session_id = $1 AND s.user_id = $2
