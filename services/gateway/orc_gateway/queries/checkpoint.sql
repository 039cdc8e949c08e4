-- Up to which position the tables tell.
SELECT position FROM checkpoints WHERE name = $1
