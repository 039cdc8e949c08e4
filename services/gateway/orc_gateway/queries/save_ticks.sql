-- Write what became of due instants. The columns are the fields of `TickRow`, in its order.
INSERT INTO ticks (job_id, due_at, last_due_at, count, outcome, reason, run_id, job_version, tzdata, position)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::int8[], $5::text[], $6::text[], $7::uuid[],
                     $8::int8[], $9::text[], $10::int8[])
