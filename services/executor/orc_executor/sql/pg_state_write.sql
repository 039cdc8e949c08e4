-- Remember it, in the transaction that loads the rows.
INSERT INTO _orc.states (task_id, version, state) VALUES ($1, $2, $3)
ON CONFLICT (task_id) DO UPDATE SET version = excluded.version, state = excluded.state, saved_at = now()
