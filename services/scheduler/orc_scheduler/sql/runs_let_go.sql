-- Let go the held runs of these jobs whose turn has come, the oldest first: so many as leave no job with more than its
-- `concurrency_max` open runs let go, and none past another that has to wait. A run between two attempts is open: who comes after it waits for its end. Only the
-- oldest held run and those that may go with it are looked at, however many wait behind.
UPDATE open_runs o
   SET is_held = false, send_after = statement_timestamp(), sends = 0
  FROM unnest($1::uuid[]) AS j(job_id)
 CROSS JOIN LATERAL (
        SELECT h.requested_position, h.concurrency_max FROM open_runs h
         WHERE h.job_id = j.job_id AND h.is_held
         ORDER BY h.requested_position
         LIMIT 1) first
 CROSS JOIN LATERAL (
        SELECT count(*) AS earlier FROM (
            SELECT FROM open_runs e
             WHERE e.job_id = j.job_id AND e.requested_position < first.requested_position
             LIMIT first.concurrency_max) counted) before
 CROSS JOIN LATERAL (
        SELECT h.run_id,
               before.earlier + row_number() OVER (ORDER BY h.requested_position) AS place,
               min(h.concurrency_max) OVER (ORDER BY h.requested_position) AS places
          FROM open_runs h
         WHERE h.job_id = j.job_id AND h.is_held
         ORDER BY h.requested_position
         LIMIT first.concurrency_max - before.earlier) next
 WHERE o.run_id = next.run_id AND next.place <= next.places
RETURNING o.run_id;
