-- Hold back all earlier attempts of the run.
INSERT INTO _orc.fences (run_id, attempt) VALUES ($1, $2)
ON CONFLICT (run_id) DO UPDATE SET attempt = excluded.attempt, raised_at = now()
