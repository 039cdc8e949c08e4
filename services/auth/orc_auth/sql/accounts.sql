-- A page of accounts, the oldest first: $2 of them after the account $1, from the first when it is null.
SELECT user_id, username, role, is_active, created_at, updated_at FROM accounts
WHERE $1::uuid IS NULL OR (created_at, user_id) > (SELECT created_at, user_id FROM accounts WHERE user_id = $1)
ORDER BY created_at, user_id LIMIT $2
