-- When the ticker is to look at a schedule next, and the database's time to measure it by.
SELECT min(wake_at) AS wake_at, clock_timestamp() AS now FROM jobs;
