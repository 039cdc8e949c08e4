-- One secret, to be changed; none changes meanwhile.
SELECT name, version, sealed, wrapped_key, master_key_id, fingerprint, updated_at, updated_by, stream_version
FROM vault.secrets WHERE name = $1 FOR UPDATE
