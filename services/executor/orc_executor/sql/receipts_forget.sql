-- Receipts are asked for while a run can be retried; a year is more than any run takes.
DELETE FROM target._orc.receipts WHERE loaded_at < now() - INTERVAL 365 DAY
