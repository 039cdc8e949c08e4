-- Count an account's living keys, and forget those that were good for nothing for $2 days, or of which $3 newer ones are kept.
WITH mine AS (
    SELECT key_id, created_at, least(revoked_at, expires_at) AS over_at FROM api_keys WHERE user_id = $1
), dead AS (
    SELECT key_id, over_at, row_number() OVER (ORDER BY created_at DESC) AS place
    FROM mine WHERE over_at <= clock_timestamp()
), forgotten AS (
    DELETE FROM api_keys k USING dead
    WHERE k.key_id = dead.key_id
      AND (dead.over_at < clock_timestamp() - make_interval(days => $2::int4) OR dead.place > $3::int4)
)
SELECT count(*) FROM mine WHERE over_at IS NULL OR over_at > clock_timestamp()
