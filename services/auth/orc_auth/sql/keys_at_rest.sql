-- Every signing key as it rests, those too that sign nothing any more; $1 at most, the newest first.
SELECT kid, private_key FROM keys ORDER BY created_at DESC LIMIT $1
