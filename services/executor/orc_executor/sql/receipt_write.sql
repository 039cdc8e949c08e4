-- Prove the load, in its own transaction.
INSERT INTO target._orc.receipts VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())
