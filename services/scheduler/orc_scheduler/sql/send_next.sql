-- How many seconds until the next work message is due, or the next run that nobody claimed is to be given up. One that
-- is past its time has been given up by whoever asks, and only waits to be folded.
SELECT extract(epoch FROM least(
           (SELECT min(send_after) FROM open_runs),
           (SELECT min(queue_until) FROM open_runs WHERE attempt = 0 AND queue_until >= statement_timestamp())
       ) - statement_timestamp())::float8;
