-- The account that a provider vouches for, locked.
SELECT user_id, username, role, is_active, version FROM accounts WHERE issuer = $1 AND subject = $2 FOR UPDATE
