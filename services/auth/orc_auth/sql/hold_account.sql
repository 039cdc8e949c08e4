-- Keep an account as it is at version $2 until we are done; no row when it has changed since, or may nothing.
SELECT user_id FROM accounts WHERE user_id = $1 AND version = $2 AND is_active FOR SHARE
