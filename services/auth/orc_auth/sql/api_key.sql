-- A key as it is shown, with its owner.
SELECT k.key_id, k.user_id, k.name, a.username, k.scopes, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
FROM api_keys k JOIN accounts a USING (user_id) WHERE k.key_id = $1
