-- The keys of the account $1, or of all when it is null, the newest first, $2 at most.
SELECT k.key_id, k.user_id, k.name, a.username, k.scopes, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
FROM api_keys k JOIN accounts a USING (user_id) WHERE $1::uuid IS NULL OR k.user_id = $1
ORDER BY k.created_at DESC, k.key_id LIMIT $2
