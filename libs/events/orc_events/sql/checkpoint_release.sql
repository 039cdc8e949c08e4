-- Give the lease back, so that the next follower need not wait for its end.
UPDATE checkpoints SET lease_until = clock_timestamp() - interval '1 second' WHERE name = $1 AND holder = $2;
