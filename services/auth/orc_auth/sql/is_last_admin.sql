-- Whether this is the only active admin.
SELECT count(*) = 1 AND bool_or(user_id = $1) FROM accounts WHERE role = 'admin' AND is_active
