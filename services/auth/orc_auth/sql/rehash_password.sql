-- Keep the same password under today's cost, unless it was changed since it was read.
UPDATE accounts SET password_hash = $3, updated_at = clock_timestamp() WHERE user_id = $1 AND password_hash = $2
