-- A ticket is redeemed: it is taken, so that it cannot be again.
WITH taken AS (
    DELETE FROM oidc_tickets WHERE ticket_hash = $1
    RETURNING user_id, challenge, expires_at > clock_timestamp() AS lives
)
SELECT a.user_id, a.username, a.role, a.version, taken.challenge FROM taken JOIN accounts a USING (user_id)
WHERE taken.lives AND a.is_active
