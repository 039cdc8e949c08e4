-- Where a follower stands, whoever holds it.
SELECT position FROM checkpoints WHERE name = $1;
