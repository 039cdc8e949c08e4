-- The same signing key, resting in another form.
UPDATE keys SET private_key = $2 WHERE kid = $1
