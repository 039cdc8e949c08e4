-- Count an account's living keys, nobody else making one meanwhile, and forget those that were good for nothing for $2 days.
WITH owner AS (
    SELECT user_id FROM accounts WHERE user_id = $1 FOR UPDATE
), forgotten AS (
    DELETE FROM api_keys k USING owner WHERE k.user_id = owner.user_id
    AND least(k.revoked_at, k.expires_at) < clock_timestamp() - make_interval(days => $2::int4)
)
SELECT count(k.key_id) FROM owner LEFT JOIN api_keys k ON k.user_id = owner.user_id
AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
