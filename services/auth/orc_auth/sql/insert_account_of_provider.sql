-- An account that a provider vouches for; no row when the name, or the person, is there already.
INSERT INTO accounts (user_id, username, username_key, role, issuer, subject)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING user_id, username, role
