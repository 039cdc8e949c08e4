-- Receipts of a file that was made before they held results.
ALTER TABLE target._orc.receipts ADD COLUMN IF NOT EXISTS result VARCHAR
