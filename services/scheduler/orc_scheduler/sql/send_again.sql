-- Give back what could not be published, to be taken again in $2 seconds.
UPDATE open_runs SET sends = greatest(sends - 1, 0), send_after = statement_timestamp() + make_interval(secs => $2)
 WHERE run_id = ANY ($1) AND send_after IS NOT NULL;
