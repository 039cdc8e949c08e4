-- Keep $1 rows, those with the most and latest failures.
DELETE FROM failures WHERE of_what IN (
    SELECT of_what FROM failures ORDER BY failures DESC, last_at DESC OFFSET $1
)
