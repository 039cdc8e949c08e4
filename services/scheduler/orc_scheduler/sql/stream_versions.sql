-- The versions of these streams; one that does not exist is left out.
SELECT stream, version FROM log.streams WHERE stream = ANY ($1);
