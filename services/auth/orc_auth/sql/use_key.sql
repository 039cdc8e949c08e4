-- Note that a key was used, unless somebody did in the last $2 seconds.
UPDATE api_keys SET last_used_at = clock_timestamp()
WHERE key_id = $1 AND coalesce(last_used_at < clock_timestamp() - make_interval(secs => $2::int4), true)
