-- Every key that a living token may be signed with or the next one will be, the newest first; $1 is how long a token
-- lives, in seconds.
SELECT kid, public_key FROM keys
WHERE dropped_at IS NULL AND (retired_at IS NULL OR retired_at > clock_timestamp() - make_interval(secs => $1))
ORDER BY created_at DESC
