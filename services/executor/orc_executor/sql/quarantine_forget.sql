-- A year is long enough to look at what was left out; a table that only grows would end by filling the disk.
DELETE FROM target._orc.quarantine WHERE quarantined_at < now() AT TIME ZONE 'UTC' - INTERVAL 365 DAY
