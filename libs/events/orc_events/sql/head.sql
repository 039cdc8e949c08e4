-- Where the log ends.
SELECT position, hash FROM log.head
