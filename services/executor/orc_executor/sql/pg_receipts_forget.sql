-- Receipts are asked for while a run can be retried; a year is more than any run takes.
DELETE FROM _orc.receipts WHERE loaded_at < now() - interval '365 days'
