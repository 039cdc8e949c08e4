-- What any key so far has signed is void from now on.
UPDATE keys SET dropped_at = clock_timestamp() WHERE dropped_at IS NULL AND kid <> $1 RETURNING kid
