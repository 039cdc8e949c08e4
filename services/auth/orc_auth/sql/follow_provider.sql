-- The role that the provider's groups give is the account's from now on.
UPDATE accounts SET role = $2, version = version + 1, updated_at = clock_timestamp() WHERE user_id = $1
RETURNING version
