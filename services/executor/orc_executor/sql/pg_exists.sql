-- Whether our corner of the database is there.
SELECT to_regclass('_orc.receipts') IS NOT NULL AND to_regclass('_orc.fences') IS NOT NULL AND to_regclass('_orc.states') IS NOT NULL
