-- A login comes back: it is taken, so that it cannot come again.
DELETE FROM oidc_logins WHERE state_hash = $1
RETURNING browser_hash, nonce, verifier, port, challenge, expires_at > clock_timestamp() AS lives
