-- Remove the buckets that are full: without a row they are as full.
DELETE FROM rates WHERE full_at < extract(epoch FROM clock_timestamp())
