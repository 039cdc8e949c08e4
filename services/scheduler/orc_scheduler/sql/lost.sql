-- Attempts whose executor did not renew its lease in time, or never took one within the time of a lease.
SELECT o.run_id, o.attempt
  FROM open_runs o
  LEFT JOIN executor.leases l ON l.run_id = o.run_id AND l.attempt = o.attempt
 WHERE o.claimed_at IS NOT NULL
   AND coalesce(l.lease_until, o.claimed_at + make_interval(secs => $1)) < statement_timestamp()
 ORDER BY o.claimed_at
 LIMIT $2;
