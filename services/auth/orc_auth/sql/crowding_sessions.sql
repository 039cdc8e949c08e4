-- The living sessions of an account but for its newest $2.
SELECT session_id FROM sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY opened_at DESC OFFSET $2
