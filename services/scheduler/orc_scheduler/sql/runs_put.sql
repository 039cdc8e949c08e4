-- Put open runs as they stand now; what was due to be sent for an earlier state is forgotten.
INSERT INTO open_runs (run_id, job_id, pool, status, attempt, cancel_requested, requested_position, requested_at,
                       queue_until, claimed_at, send_after, sends, concurrency_max, is_held, priority)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int4[], $6::bool[], $7::int8[],
                     $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::int4[],
                     $13::int4[], $14::bool[], $15::int4[])
ON CONFLICT (run_id) DO UPDATE
   SET status = excluded.status, attempt = excluded.attempt, cancel_requested = excluded.cancel_requested,
       claimed_at = excluded.claimed_at, send_after = excluded.send_after, sends = excluded.sends,
       is_held = excluded.is_held;
