-- Set what an account may, and its password unless $4 is null; $5 events say so.
UPDATE accounts SET role = $2, is_active = $3, password_hash = coalesce($4, password_hash), version = version + $5,
    updated_at = clock_timestamp()
WHERE user_id = $1 RETURNING user_id, username, role, is_active, created_at, updated_at
