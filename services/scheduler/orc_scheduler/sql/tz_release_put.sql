-- Note the release by which the calendar is worked out now.
UPDATE tz_release SET name = $1;
