-- Empty the calendar, for a rebuild.
DELETE FROM jobs;
