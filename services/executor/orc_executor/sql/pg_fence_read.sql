-- The latest attempt of a run that came to this database.
SELECT attempt FROM _orc.fences WHERE run_id = $1
