-- A new key; it signs from now on, since it is the newest.
INSERT INTO keys (kid, private_key, public_key) VALUES ($1, $2, $3)
