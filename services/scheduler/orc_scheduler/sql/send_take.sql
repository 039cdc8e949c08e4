-- Take runs whose work message is due and say when the next one will be: after 5 s, 10 s, … $3 s, should nobody claim.
-- `is_sent`: a run that has a message already waits while its pool ($2: pools with a backlog) has others to take, but
-- not more than $4 times in a row: the one it has may be lost. A long queue sent anew each time would be a flood.
WITH due AS (
    SELECT run_id FROM open_runs WHERE send_after <= statement_timestamp()
     ORDER BY send_after
     LIMIT $1
       FOR UPDATE SKIP LOCKED
)
UPDATE open_runs o
   SET sends = o.sends + 1,
       send_after = statement_timestamp() + make_interval(secs => least(5 * 2 ^ least(o.sends, 16), $3::float8))
  FROM due
 WHERE o.run_id = due.run_id
RETURNING o.run_id, o.pool, o.priority, (o.sends = 1 OR o.pool <> ALL ($2::text[]) OR o.sends % ($4 + 1) = 0) AS is_sent;
