-- Active schedules whose runs have failed as often in a row as their job allows.
SELECT job_id, failures, failed_run_id FROM jobs WHERE is_active AND failures >= failures_max LIMIT $1;
