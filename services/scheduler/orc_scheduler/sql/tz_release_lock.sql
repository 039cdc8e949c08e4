-- The release by which the calendar was worked out, locked: one replica at a time works it out anew.
SELECT name FROM tz_release FOR UPDATE;
