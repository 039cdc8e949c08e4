-- The key that signs now, and the database's time.
SELECT kid, private_key, clock_timestamp() AS now FROM keys
WHERE dropped_at IS NULL AND signs_from <= clock_timestamp()
ORDER BY signs_from DESC, created_at DESC LIMIT 1
