-- A ticket for a program that waits.
WITH forgotten AS (DELETE FROM oidc_tickets WHERE expires_at < clock_timestamp())
INSERT INTO oidc_tickets (ticket_hash, user_id, challenge, expires_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
