-- The latest attempt of a run that came to this file.
SELECT attempt FROM target._orc.fences WHERE run_id = $1
