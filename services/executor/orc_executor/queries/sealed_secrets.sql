-- What the store holds of the secrets with these names; what was deleted holds nothing.
SELECT name, version, sealed, wrapped_key, master_key_id FROM vault.secrets
WHERE name = ANY($1::text[]) AND sealed IS NOT NULL
