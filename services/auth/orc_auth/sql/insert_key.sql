-- A new key, which signs $4 seconds from now; what signs today does so until then.
WITH made AS (
    INSERT INTO keys (kid, private_key, public_key, signs_from)
    VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
    RETURNING signs_from
), retired AS (
    UPDATE keys SET retired_at = made.signs_from FROM made WHERE keys.retired_at IS NULL
)
SELECT signs_from FROM made
