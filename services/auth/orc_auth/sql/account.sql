-- An account by its id.
SELECT user_id, username, username_key, password_hash FROM accounts WHERE user_id = $1
