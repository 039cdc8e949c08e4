-- Our own corner of a target file.
CREATE SCHEMA IF NOT EXISTS target._orc
