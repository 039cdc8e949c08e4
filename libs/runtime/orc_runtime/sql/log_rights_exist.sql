-- False in a database without a log.
SELECT to_regclass('log.rights') IS NOT NULL
