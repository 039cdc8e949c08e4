-- Make room for a later attempt.
DELETE FROM target._orc.fences WHERE run_id = $1
