-- Runs that nobody claimed within their queue timeout.
SELECT run_id FROM open_runs WHERE attempt = 0 AND status = 'queued' AND queue_until < statement_timestamp()
 ORDER BY queue_until
 LIMIT $1;
