-- It was its one use.
UPDATE refresh_tokens SET used_at = clock_timestamp() WHERE token_hash = $1
