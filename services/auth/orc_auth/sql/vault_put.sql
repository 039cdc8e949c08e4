-- A secret as it is from now on.
INSERT INTO vault.secrets AS s
    (name, version, sealed, wrapped_key, master_key_id, fingerprint, updated_by, stream_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version, sealed = excluded.sealed, wrapped_key = excluded.wrapped_key,
    master_key_id = excluded.master_key_id, fingerprint = excluded.fingerprint,
    updated_by = excluded.updated_by, updated_at = clock_timestamp(), stream_version = excluded.stream_version
RETURNING name, version, updated_at, updated_by, master_key_id
