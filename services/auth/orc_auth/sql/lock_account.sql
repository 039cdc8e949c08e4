-- An account, to be changed by nobody else until we are done.
SELECT user_id, username, password_hash, role, is_active, version, created_at, updated_at FROM accounts
WHERE user_id = $1 FOR UPDATE
