-- How many seconds until the next work message is due.
SELECT extract(epoch FROM min(send_after) - statement_timestamp())::float8 FROM open_runs;
