-- A login begins at the provider; what was begun and never finished is forgotten on the way.
WITH forgotten AS (
    DELETE FROM oidc_logins WHERE state_hash IN (
        SELECT state_hash FROM oidc_logins WHERE expires_at < clock_timestamp() LIMIT 100)
)
INSERT INTO oidc_logins (state_hash, browser_hash, nonce, verifier, port, challenge, expires_at)
SELECT $1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7)
WHERE (SELECT count(*) FROM (SELECT FROM oidc_logins LIMIT $8) AS under_way) < $8
RETURNING state_hash
