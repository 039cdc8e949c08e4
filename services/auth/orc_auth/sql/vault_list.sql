-- What there is, by name, $1 at most.
SELECT name, version, updated_at, updated_by, master_key_id FROM vault.secrets
WHERE sealed IS NOT NULL ORDER BY name LIMIT $1
