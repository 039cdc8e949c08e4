-- The release of the tz database by which the calendar's instants were worked out; one row.
CREATE TABLE scheduler.tz_release (
    id   bool NOT NULL PRIMARY KEY DEFAULT true CHECK (id),
    name text NOT NULL
);
INSERT INTO scheduler.tz_release (name) VALUES ('');

GRANT SELECT, UPDATE ON scheduler.tz_release TO orc_scheduler;
GRANT SELECT ON scheduler.tz_release TO orc_auditor;
