-- A key with what its owner may now; whether it is good, and whether its use was last noted more than $2 seconds ago.
SELECT a.user_id, a.username, a.role, k.secret_hash, k.scopes,
    a.is_active AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AS lives,
    coalesce(k.last_used_at < clock_timestamp() - make_interval(secs => $2::int4), true) AS is_used_anew
FROM api_keys k JOIN accounts a USING (user_id) WHERE k.key_id = $1
