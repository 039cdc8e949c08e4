-- A new key: the hash of its secret part, never the part itself.
INSERT INTO api_keys (key_id, user_id, name, secret_hash, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
