-- The next due instant of all schedules, and the database's time to measure it by.
SELECT min(next_due_at) AS next_due_at, clock_timestamp() AS now FROM jobs;
