-- The same value under another master key.
UPDATE vault.secrets SET wrapped_key = $2, master_key_id = $3, fingerprint = $4, stream_version = stream_version + 1
WHERE name = $1
