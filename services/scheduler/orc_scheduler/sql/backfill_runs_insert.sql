-- Note open runs of backfills.
INSERT INTO backfill_runs (run_id, backfill_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])
ON CONFLICT (run_id) DO NOTHING;
