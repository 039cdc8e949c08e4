-- Where a task's next run begins is said by the scheduler alone, as all of a job is.
INSERT INTO log.rights (role, type) VALUES ('orc_scheduler', 'job.cursor_set');
