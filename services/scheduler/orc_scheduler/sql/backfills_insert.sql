-- Put a backfill that was requested.
INSERT INTO backfills (backfill_id, job_id, version, requested_position, instants, concurrency, requested, succeeded,
                       failed, cancelled, cancel_requested)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);
