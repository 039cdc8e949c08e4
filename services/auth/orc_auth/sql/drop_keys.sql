-- What any key so far has signed is void from now on. Keys older than the log's word of them have signed since ever.
UPDATE keys SET dropped_at = clock_timestamp() WHERE dropped_at IS NULL AND kid <> $1
RETURNING kid, signs_from > '-infinity' AS was_said
