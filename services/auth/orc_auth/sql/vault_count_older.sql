-- How many secrets another master key than $1 seals.
SELECT count(*) FROM vault.secrets WHERE master_key_id <> $1
