-- Our own corner of a target database.
CREATE SCHEMA IF NOT EXISTS _orc
