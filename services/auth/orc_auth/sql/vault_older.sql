-- Secrets that another master key than $1 seals, after the name $2, $3 at most.
SELECT name, version, sealed, wrapped_key, master_key_id, stream_version FROM vault.secrets
WHERE master_key_id <> $1 AND name > $2 ORDER BY name LIMIT $3 FOR UPDATE
