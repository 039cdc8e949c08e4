-- Append a batch; sent alone it is a transaction of its own, so one round trip commits it.
SELECT * FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
