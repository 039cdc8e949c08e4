-- Make an account; no row when the name is taken.
INSERT INTO accounts (user_id, username, username_key, password_hash, role)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (username_key) DO NOTHING
RETURNING user_id, username, role, is_active, created_at, updated_at
