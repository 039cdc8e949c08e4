-- Fences hold back attempts of open runs; a year is more than any run takes.
DELETE FROM target._orc.fences WHERE raised_at < now() - INTERVAL 365 DAY
