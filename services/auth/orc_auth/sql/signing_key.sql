-- The newest key that still signs.
SELECT kid, private_key, public_key FROM keys WHERE retired_at IS NULL ORDER BY created_at DESC LIMIT 1
