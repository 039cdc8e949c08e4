-- Nothing of a secret stays but that there was one.
UPDATE vault.secrets SET
    sealed = NULL, wrapped_key = NULL, master_key_id = NULL, fingerprint = NULL,
    updated_by = $2, updated_at = clock_timestamp(), stream_version = stream_version + 1
WHERE name = $1
