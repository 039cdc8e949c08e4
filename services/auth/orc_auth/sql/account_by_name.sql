-- The account of a name, without regard to case.
SELECT user_id, username, password_hash, role, is_active, version, created_at, updated_at FROM accounts
WHERE username_key = $1
